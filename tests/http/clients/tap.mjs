// TAP lines for the scripts beside it: test(name, run) in turn, then end().
let n = 0;
let failed = 0;

export async function test(name, run) {
  n += 1;
  try {
    await run();
    console.log(`ok ${n} - ${name}`);
  } catch (e) {
    failed += 1;
    console.log(`not ok ${n} - ${name}`);
    console.log(String(e.stack ?? e).split('\n').slice(0, 12).map((l) => `# ${l}`).join('\n'));
  }
}

export function end() {
  console.log(`1..${n}`);
  process.exit(failed === 0 ? 0 : 1);
}
