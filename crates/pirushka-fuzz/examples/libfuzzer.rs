//! What libFuzzer drives: the target that `PIRUSHKA_FUZZ_TARGET` names. See `fuzz/run`.

#![no_main]

use std::sync::OnceLock;

use pirushka_fuzz::{Target, find};

static TARGET: OnceLock<&Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var_os("PIRUSHKA_FUZZ_TARGET").unwrap_or_default();
        let target = find(&name.to_string_lossy()).expect("PIRUSHKA_FUZZ_TARGET names a target");
        TARGET.get_or_init(|| target);
    },
    |input: &[u8]| (TARGET.get().expect("set above").run)(input)
);
