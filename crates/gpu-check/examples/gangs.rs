//! How often trials of the shipped studies could take their steps together: the executor runs them as it is, only that an
//! epoch costs nothing, and what is counted is who is under way beside whom in virtual time.
//!
//!     cargo run --release -p tunefork-gpu-check --example gangs
//!
//! `share` is the part of the trials' time during which another trial of the same plan is under way, `gang` the mean number of
//! trials for each gang at work; `MiB` is what the plan of the largest trial takes. `sorted` has the same proposals in the order of their plans, which is the most that any
//! order of them could bring.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tunefork::sampler::{Ask, Proposal, Sampler};
use tunefork::space::{Params, Point, Space};
use tunefork::study::{
    self, Blueprint, Definition, EpochReport, ExecutorOptions, MemoryStorage, Run, Storage, StudyHeader, StudyRecord,
    TrialContext, TrialFailure, TrialRecord, Workload,
};
use tunefork::study_file::StudyFile;
use tunefork::trial::Direction;
use tunefork::{DeviceChoice, Error, Machine, Material, StudySpec, Training};

/// A study, and what stands for its images: plans depend on their size and classes alone.
const STUDIES: [(&str, &[&str]); 6] = [
    ("quickstart", &[]),
    ("fashion_reference", &["size=28", "images=12000", "order=stored"]),
    ("cats_dogs", &["size=64", "classes=2", "images=2400"]),
    ("cifar10_tuning", &["size=32", "images=6000"]),
    ("flowers_asha", &["size=224", "classes=5", "images=400"]),
    ("tiny_imagenet_tpe", &["size=64", "classes=200", "images=4000"]),
];

/// A study without its training: plans are the study's, values come from the parameters.
struct Planned<'a> {
    training: &'a Training,
    space: &'a Space,
}

struct Made {
    value: f64,
    epochs: u32,
}

impl Workload for Planned<'_> {
    type Run = Made;

    fn blueprint(&self, params: &Params) -> Result<Blueprint, TrialFailure> {
        self.training.blueprint(params)
    }

    fn start(&self, trial: &TrialContext, _: Option<&[u8]>) -> Result<Made, TrialFailure> {
        let point = self.space.point(&trial.params).expect("of the space");
        Ok(Made { value: quality(self.space, &point), epochs: 0 })
    }
}

impl Run for Made {
    fn epochs_done(&self) -> u32 {
        self.epochs
    }

    fn epoch(&mut self) -> Result<EpochReport, TrialFailure> {
        self.epochs += 1;
        let value = self.value * (1.0 - 1.0 / f64::from(1 + self.epochs));
        Ok(EpochReport { value, metrics: Default::default(), timing: None, members: Vec::new() })
    }

    fn checkpoint(&self) -> Result<Vec<u8>, TrialFailure> {
        Ok(Vec::new())
    }
}

/// A hill over the space: best at a third of each range, and at the second of each list of choices.
fn quality(space: &Space, point: &Point) -> f64 {
    let places = space.parameters().iter().zip(point.values()).filter(|(_, value)| !value.is_nan());
    let losses = places.map(|(parameter, &value)| match parameter.domain.bounds() {
        Some((low, high)) if high > low => {
            ((parameter.domain.transform(value) - low) / (high - low) - 1.0 / 3.0).powi(2)
        }
        Some(_) => 0.0,
        None => (value - 1.0).abs().min(2.0) / 8.0,
    });
    1.0 / (1.0 + losses.sum::<f64>())
}

/// Proposes points that are given.
struct Listed(Vec<Point>);

impl Sampler for Listed {
    fn name(&self) -> &'static str {
        "listed"
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        self.0.get(ask.proposed as usize).cloned().map_or(Proposal::Exhausted, Proposal::Point)
    }

    fn propose_one(&mut self, _: &Ask<'_>, _: usize) -> f64 {
        unreachable!("the space is declared")
    }

    fn trials(&self, _: &Space) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}

/// Runs a study of so many slots; `sampler` takes the place of its own.
fn simulate(
    spec: &StudySpec,
    training: &Training,
    slots: u32,
    sampler: Option<Box<dyn Sampler>>,
) -> Result<StudyRecord, Error> {
    let header = StudyHeader { slots, ..StudyHeader::new(spec.name(), Direction::Maximize, spec.seed()) };
    let definition = Definition {
        header,
        presumed: Vec::new(),
        budget: spec.trials(),
        space: spec.space().clone(),
        enqueued: spec.enqueued().iter().map(|point| spec.space().params(point)).collect(),
        attributes: Vec::new(),
        sampler: sampler.unwrap_or_else(|| spec.sampler()),
        scheduler: spec.scheduler(),
        goals: spec.goals(),
    };
    let mut storage = MemoryStorage::default();
    let planned = Planned { training, space: spec.space() };
    study::run(definition, &planned, &mut storage, &mut (), &ExecutorOptions::default())?;
    Ok(storage.load().expect("in memory").expect("it ran"))
}

/// When a trial was under way, and its plan.
fn span(trial: &TrialRecord) -> Option<(u64, u64, &str)> {
    let schedule = trial.schedule.as_ref()?;
    let end = trial.epochs.last()?.time;
    Some((schedule.start, end, &schedule.blueprint.plan_key))
}

/// The share of the trials' time in company, and the mean size of a gang.
fn company(record: &StudyRecord) -> (f64, f64) {
    let spans: Vec<_> = record.trials.iter().filter_map(span).collect();
    let mut moments: Vec<u64> = spans.iter().flat_map(|(start, end, _)| [*start, *end]).collect();
    moments.sort_unstable();
    let (mut all, mut together, mut gangs) = (0, 0, 0);
    for pair in moments.windows(2) {
        let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
        let under_way = spans.iter().filter(|(start, end, _)| *start <= pair[0] && pair[1] <= *end);
        under_way.for_each(|(_, _, key)| *sizes.entry(key).or_default() += 1);
        let time = pair[1] - pair[0];
        all += time * sizes.values().sum::<u64>();
        together += time * sizes.values().filter(|size| **size > 1).sum::<u64>();
        gangs += time * sizes.len() as u64;
    }
    (together as f64 / all as f64, all as f64 / gangs as f64)
}

/// What samplers proposed, in the order of the plans: each plan where it came first.
fn sorted(spec: &StudySpec, record: &StudyRecord) -> Vec<Point> {
    let proposed = record.trials.iter().skip(spec.enqueued().len());
    let mut points: Vec<(usize, Point)> = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    for trial in proposed {
        let key = span(trial).map_or(String::new(), |(_, _, key)| key.to_owned());
        let place = keys.iter().position(|known| *known == key).unwrap_or(keys.len());
        keys.extend((place == keys.len()).then_some(key));
        points.push((place, spec.space().point(&trial.params()).expect("of the space")));
    }
    points.sort_by_key(|(place, _)| *place);
    points.into_iter().map(|(_, point)| point).collect()
}

fn file(name: &str, images: &[&str], sampler: &str) -> Result<StudyFile, Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(path).expect("a study that ships");
    let data = text.find("[data]").expect("its images");
    let model = text.find("[model]").expect("its network");
    let text = format!("{}[data]\nsource = \"noise\"\ntest_images = 100\n{}", &text[..data], &text[model..]);
    let mut file = StudyFile::parse(name, &text)?;
    for setting in images.iter().copied().chain([format!("sampler={sampler}").as_str()]) {
        file.set(setting)?;
    }
    Ok(file)
}

fn main() -> Result<(), Error> {
    println!("study              sampler slots   MiB  share   gang sorted share  gang");
    for (name, images) in STUDIES {
        for sampler in ["random", "tpe", "grid"] {
            // A space without end has no grid.
            let Ok(spec) = file(name, images, sampler).and_then(|file| Ok(StudySpec::resolve(&file)?)) else {
                continue;
            };
            let machine = Machine::new(DeviceChoice::Cpu, "auto", Some(1))?;
            let material = Material::open(&spec, None, &mut |_| {})?;
            let training = Training::new(spec.clone(), material, machine, PathBuf::new());
            for slots in [4, 8, 16] {
                let record = simulate(&spec, &training, slots, None)?;
                let (share, gang) = company(&record);
                let schedules = record.trials.iter().filter_map(|trial| trial.schedule.as_ref());
                let largest = schedules.map(|schedule| schedule.blueprint.plan_bytes >> 20).max().unwrap_or(0);
                print!("{name:<18} {sampler:<7} {slots:>5} {largest:>5} {:>5.0}% {gang:>6.2}", 100.0 * share);
                if sampler == "tpe" {
                    // What it proposes follows from the order of the trials.
                    println!();
                    continue;
                }
                let listed = Box::new(Listed(sorted(&spec, &record)));
                let (share, gang) = company(&simulate(&spec, &training, slots, Some(listed))?);
                println!(" {:>11.0}% {gang:>5.2}", 100.0 * share);
            }
        }
    }
    Ok(())
}
