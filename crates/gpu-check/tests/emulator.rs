//! All checks on the emulator: both code paths, all schedules, the same bits under each.

use tunefork_emulator::{Host, Schedule};
use tunefork_gpu_check::Case;
use tunefork_gpu_check::checks::kernels::FAMILIES;

/// Runs the checks of one file with some seeds.
fn family(name: &str, seeds: std::ops::Range<u64>) {
    let (_, checks) = FAMILIES.iter().find(|(family, _)| *family == name).expect("a family");
    for check in *checks {
        for architecture in [75, 80] {
            for seed in seeds.clone() {
                let digests = Schedule::ALL.map(|schedule| {
                    let mut case = Case::new(Host::stream(architecture, schedule), seed);
                    if let Err(reason) = check.pass(&mut case) {
                        panic!("{} on sm_{architecture}, seed {seed}, {schedule:?}: {reason}", check.name);
                    }
                    case.finish()
                });
                let same = digests.iter().all(|digest| *digest == digests[0]);
                assert!(same, "{} on sm_{architecture}, seed {seed}: bits depend on the schedule", check.name);
            }
        }
    }
}

/// A test for each file of kernels, with the seeds that it is run with.
macro_rules! families {
    ($($name:ident $seeds:expr;)*) => {
        $(#[test]
        fn $name() {
            family(stringify!($name), $seeds);
        })*

        #[test]
        fn no_family_is_forgotten() {
            let mut tested = [$(stringify!($name)),*];
            let mut known: Vec<&str> = FAMILIES.iter().map(|(family, _)| *family).collect();
            tested.sort_unstable();
            known.sort_unstable();
            assert_eq!(tested[..], known[..]);
        }
    };
}

families! {
    statistics 0..6;
    block 0..8;
    conv 0..8;
    conv_large 0..1;
    dropout 0..10;
    gather 0..10;
    loss 0..12;
    optimizer 0..6;
    dense 0..10;
    dense_applied 0..3;
    average 0..10;
    group_norm 0..12;
    conv_tensor 0..24;
    conv_tensor_large 0..1;
    exact_conv 0..6;
    exact 0..6;
    optimizer_exact 0..4;
    overflow 0..10;
    special 0..2;
    far 0..1;
    plain 0..4;
}
