//! Any text is a study file or an error with a place, never a panic; what is resolved resolves again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tunefork::StudySpec;
use tunefork::study_file::StudyFile;

fuzz_target!(|text: &str| {
    if let Ok(file) = StudyFile::parse("study.toml", text)
        && let Ok(spec) = StudySpec::resolve(&file)
    {
        let again = StudySpec::resolve(&file).expect("resolving has no memory");
        assert_eq!(spec.space(), again.space());
    }
});
