// Starts the program: language, theme, router, keys, live counters; then the screen of the address.
import './styles/tokens.css';
import './styles/base.css';
import './styles/frame.css';
import './styles/parts.css';
import './styles/charts.css';
import './styles/ops.css';
import './styles/citizen.css';
import './styles/lists.css';
import './styles/claims.css';
import './styles/catalogues.css';
import './styles/wall.css';
import { type ComponentType, type JSX, render } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { TipLayer } from './charts/tip';
import { Failure } from './core/api';
import { language, t, useLang } from './core/i18n';
import { startKeys } from './core/keys';
import { startLive, useGeneration } from './core/live';
import { startRouter, usePlace } from './core/router';
import { applyTheme, startTheme } from './core/theme';
import { OpsScreen } from './screens/ops';
import { Frame, Help } from './ui/frame';
import { Problem } from './ui/parts';

type Screen = ComponentType<{ id: string }>;

interface Route {
    at: RegExp;
    load: () => Promise<Screen> | Screen;
    bare?: boolean; // without the frame
}

const routes: Route[] = [
    { at: /^\/$/, load: () => OpsScreen },
    { at: /^\/citizens$/, load: async () => (await import('./screens/citizens')).CitizensScreen },
    { at: /^\/citizens\/([^/]+)$/, load: async () => (await import('./screens/citizen')).CitizenScreen },
    { at: /^\/rejects$/, load: async () => (await import('./screens/rejects')).RejectsScreen },
    { at: /^\/import$/, load: async () => (await import('./screens/import')).ImportScreen },
    { at: /^\/giam-dinh$/, load: async () => (await import('./screens/claims')).ClaimsScreen },
    { at: /^\/giam-dinh\/([^/]+)$/, load: async () => (await import('./screens/repair')).RepairScreen },
    { at: /^\/quyet-toan$/, load: async () => (await import('./screens/settle')).SettleScreen },
    { at: /^\/trung-ho-so$/, load: async () => (await import('./screens/pairs')).PairsScreen },
    { at: /^\/danh-muc$/, load: async () => (await import('./screens/catalogues')).CataloguesScreen },
    { at: /^\/cong-giam-dinh$/, load: async () => (await import('./screens/outgoing')).OutgoingScreen },
    { at: /^\/wall$/, load: async () => (await import('./screens/wall')).WallScreen, bare: true },
];

function Missing(): JSX.Element {
    return (
        <main id="main" class="page" tabIndex={-1}>
            <h1>{t('error.no_page')}</h1>
            <p>
                <a href="/">{t('nav.home')}</a>
            </p>
        </main>
    );
}

/** A screen whose program did not come: the server is gone, or has another version by now. */
function Broken({ retry }: { retry: () => void }): JSX.Element {
    const again = useGeneration();
    const first = useRef(again);
    useEffect(() => {
        if (again !== first.current) retry(); // the server is back
    }, [again]);
    return (
        <main id="main" class="page" tabIndex={-1}>
            <Problem failure={new Failure(0, t('error.screen'))} retry={() => location.reload()} />
        </main>
    );
}

/** The citizen's id in an address; what cannot be decoded is nobody's. */
function idOf(path: string, route: Route | undefined): string {
    const text = route?.at.exec(path)?.[1] ?? '';
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

function App(): JSX.Element {
    const { path } = usePlace();
    const lang = useLang();
    const route = routes.find((r) => r.at.test(path));
    const [shown, setShown] = useState<{ route: Route; screen: Screen } | null>(null);
    const [broken, setBroken] = useState<Route | null>(null);
    const [tries, setTries] = useState(0);
    const first = useRef(true);
    useEffect(() => {
        document.documentElement.lang = lang;
        applyTheme();
        document.documentElement.classList.toggle('walled', route?.bare === true);
    }, [lang, route]);
    useEffect(() => {
        let gone = false;
        if (!route) return;
        Promise.resolve(route.load()).then(
            (screen) => {
                if (!gone) setShown({ route, screen });
            },
            () => {
                if (!gone) setBroken(route);
            },
        );
        return () => {
            gone = true;
        };
    }, [route, tries]);
    useLayoutEffect(() => {
        // What had the focus went away with the old screen: the new one takes it, so that Tab goes on there.
        const lost = document.activeElement === null || document.activeElement === document.body;
        if (shown && lost && !first.current) document.getElementById('main')?.focus({ preventScroll: true });
        if (shown) first.current = false;
    }, [shown]);
    const id = idOf(path, route);
    const ready = shown && shown.route === route ? shown : null;
    const retry = (): void => {
        setBroken(null);
        setTries(tries + 1);
    };
    const waiting = broken && broken === route ? <Broken retry={retry} /> : <main id="main" aria-busy="true" />;
    const body = !route ? <Missing /> : ready ? <ready.screen key={`${lang} ${id}`} id={id} /> : waiting;
    return (
        <>
            {route?.bare ? body : <Frame>{body}</Frame>}
            <Help />
            <TipLayer />
        </>
    );
}

document.documentElement.lang = language.value === 'en' ? 'en' : 'vi';
startTheme();
startRouter();
startKeys();
startLive();
render(<App />, document.getElementById('app')!);
