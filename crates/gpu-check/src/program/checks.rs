//! Runs the checks on the card: its own code and that of sm_75, each case twice.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tunefork_gpu_check::checks::steps::Beside;
use tunefork_gpu_check::checks::{kernels::FAMILIES, steps};
use tunefork_gpu_check::{Case, Failure};
use tunefork_kernels::gpu::{Target, relaunch};
use tunefork_kernels::launch::block::Add;
use tunefork_kernels::{DeviceError, DeviceMemory, Gpu, Precision, StepRow, Stream};
use tunefork_networks::{NETWORKS, Network};

use super::options::Options;

/// The code path that cards of compute capability 7.5 take, for any card.
const OLD_PATH: Target = Target::ptx(75);

/// A check on one code path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    pub name: String,
    /// What the kernels were compiled for.
    pub target: String,
    /// Cases that passed.
    pub cases: u64,
    /// Why the next one did not.
    pub failure: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// A check of either kind.
type Run = Box<dyn Fn(&mut Case) -> Result<(), Failure>>;

struct Wanted {
    name: String,
    run: Run,
    cases: u64,
}

/// Runs the checks that are wanted. A fault takes the card from the process: another one then goes on behind that check.
pub(crate) fn run(gpu: &Gpu, options: &Options) -> Result<Vec<Checked>, Failure> {
    let mut checked = before(options)?;
    let runs: Runs = NETWORKS.iter().map(|_| Rc::default()).collect();
    let mut targets = vec![gpu.target()];
    match refuses_ptx(gpu)? {
        Some(why) => println!("checks of sm_75's code path are left out: {why}"),
        None => targets.push(OLD_PATH),
    }
    let all =
        targets.into_iter().flat_map(|target| wanted(options, target, &runs).into_iter().map(move |w| (target, w)));
    for (target, wanted) in all.skip(checked.len()) {
        let result = check(gpu, &wanted, target);
        println!("{:<36} {:<12} {}", result.name, result.target, outcome(&result));
        checked.push(result);
        if let Err(error @ DeviceError::Lost(_)) = gpu.stream().synchronize() {
            println!("{error}; another process goes on behind this check");
            return Err(go_on(&checked, options)?);
        }
    }
    Ok(checked)
}

/// Why the driver does not take PTX of this NVRTC, by their versions or by what it says to some.
fn refuses_ptx(gpu: &Gpu) -> Result<Option<String>, DeviceError> {
    if let Some(why) = gpu.refuses_ptx() {
        return Ok(Some(why));
    }
    let simplest = Add { batch: 1, elements: 4, precision: Precision::F32 };
    let stream = gpu.stream_for(OLD_PATH)?;
    let step = DeviceMemory::of(&stream, &[StepRow::default()])?;
    let (x, y) = (DeviceMemory::of(&stream, &[0f32; 4])?, DeviceMemory::of(&stream, &[0f32; 4])?);
    match simplest.run(&*stream, step.all(), x.all(), y.all(), false) {
        Err(DeviceError::NewPtx(why)) => Ok(Some(why)),
        started => started.map(|()| None),
    }
}

/// What was found by the processes before this one.
fn before(options: &Options) -> Result<Vec<Checked>, Failure> {
    let Some(file) = &options.after else { return Ok(Vec::new()) };
    let checked = serde_json::from_slice(&std::fs::read(file)?)?;
    std::fs::remove_file(file)?;
    Ok(checked)
}

/// Starts another process that knows what was found. Returns only why there is none.
fn go_on(checked: &[Checked], options: &Options) -> Result<Failure, Failure> {
    const AFTER: &str = "--after=";
    let file = options.json.with_extension("part");
    std::fs::write(&file, serde_json::to_vec(checked)?)?;
    let own = |argument: &OsString| !argument.to_string_lossy().starts_with(AFTER);
    let mut after = OsString::from(AFTER);
    after.push(&file);
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1).filter(own)).arg(after);
    Ok(relaunch(&mut command).into())
}

/// How a check went, in a few words.
pub(crate) fn outcome(checked: &Checked) -> String {
    match &checked.failure {
        None => format!("ok, {} cases, {:.1} s", checked.cases, checked.seconds),
        Some(reason) => format!("FAILED in case {}: {reason}", checked.cases),
    }
}

/// Runs on the processor, each made when it is first wanted and used by all targets and precisions.
type Runs = Vec<Rc<OnceCell<Beside>>>;

fn wanted(options: &Options, target: Target, runs: &Runs) -> Vec<Wanted> {
    let kernels = FAMILIES.iter().flat_map(|(_, checks)| checks.iter());
    let mut wanted: Vec<Wanted> = kernels
        .chain(steps::CHECKS)
        .map(|check| Wanted { name: check.name.into(), run: Box::new(|case| check.pass(case)), cases: options.seeds })
        .collect();
    // Two steps with all gradients, and smaller images than the reports'; many steps, with theirs.
    let sides = [(5, 28), (5, 28), (3, 64), (3, 32), (5, 28)];
    let steps = options.steps as usize;
    for (number, &Network { name, batch: whole, side: whole_side, .. }) in NETWORKS.iter().enumerate() {
        for precision in Precision::of_architecture(target.architecture) {
            let (batch, side) = sides[number];
            wanted.push(Wanted {
                name: format!("steps/{name}/{precision:?}").to_lowercase(),
                run: Box::new(move |case| steps::two_steps(case, name, batch, side, precision)),
                cases: 1,
            });
            let run = Rc::clone(&runs[number]);
            wanted.push(Wanted {
                name: format!("run/{name}/{precision:?}").to_lowercase(),
                run: Box::new(move |case| {
                    if run.get().is_none() {
                        let _ = run.set(Beside::new(name, whole, whole_side, steps)?);
                    }
                    run.get().expect("just set").check(case, precision)
                }),
                cases: 1,
            });
        }
    }
    wanted.retain(|check| check.name.starts_with(&options.only));
    wanted
}

fn check(gpu: &Gpu, wanted: &Wanted, target: Target) -> Checked {
    let start = Instant::now();
    let mut checked =
        Checked { name: wanted.name.clone(), target: target.to_string(), cases: 0, failure: None, seconds: 0.0 };
    match stream(gpu, target) {
        Ok(stream) => {
            for seed in 0..wanted.cases {
                checked.failure = twice(&stream, wanted, seed).err();
                if checked.failure.is_some() {
                    break;
                }
                checked.cases += 1;
            }
        }
        Err(error) => checked.failure = Some(error.to_string()),
    }
    checked.seconds = start.elapsed().as_secs_f64();
    checked
}

fn stream(gpu: &Gpu, target: Target) -> Result<Arc<dyn Stream>, DeviceError> {
    match target == OLD_PATH {
        true => gpu.stream_for(target),
        false => Ok(gpu.stream()),
    }
}

/// Runs a case two times: no failure, and the same bits.
fn twice(stream: &Arc<dyn Stream>, wanted: &Wanted, seed: u64) -> Result<(), String> {
    let once = || {
        let mut case = Case::new(Arc::clone(stream), seed);
        let result = catch_unwind(AssertUnwindSafe(|| (wanted.run)(&mut case)));
        match result {
            Ok(Ok(())) => Ok(case.finish()),
            Ok(Err(reason)) => Err(reason.to_string()),
            Err(_) => Err("it panicked (see above)".into()),
        }
    };
    if once()? == once()? { Ok(()) } else { Err("a second run gave other bits".into()) }
}
