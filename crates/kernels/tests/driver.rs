//! The GPU's side of the host, against a driver without a GPU (`driver/fake.c`): what is said when something is
//! missing, the cache on disk, copies, graphs, and what happens after a fault.
//!
//! A process loads one driver, so each scenario is a process of its own: this test, started again.

#[path = "driver/compiling.rs"]
mod compiling;
#[path = "driver/fake.rs"]
mod fake;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tunefork_kernels::launch::block::Add;
use tunefork_kernels::{
    Arguments, DeviceError, DeviceMemory, Gpu, Launch, Precision, Source, Span, StepRow, Stream, discover,
};

/// The scenarios, by name. What they write to standard output is what the test looks at.
const SCENARIOS: &[(&str, fn())] = &[
    ("find", find),
    ("work", work),
    ("feed", feed),
    ("readback", readback),
    ("fault", fault),
    ("memory", memory),
    ("compile", compiling::compile),
    ("prepare", compiling::prepare),
];

/// The kernel that the fake driver runs: copies row number `counter` of a table to `row`, and adds one to the counter;
/// behind the last row the last one is taken again.
struct Take {
    words: usize,
}

impl Take {
    fn run(
        &self,
        stream: &dyn Stream,
        table: Span<'_, u32>,
        counter: Span<'_, u32>,
        row: Span<'_, u32>,
    ) -> Result<(), DeviceError> {
        let (words, rows) = (self.words as u32, (table.len() / self.words) as u32);
        let arguments = Arguments::new().span(table).span(counter).span(row).value(words).value(rows);
        let kernel = Source::Gather.kernel("take_row");
        let launch = Launch { kernel, grid: [1; 3], block: [128, 1, 1], shared_bytes: 0, arguments: &arguments };
        // SAFETY: the fake kernel reads a row of the table and writes `words` words and the counter.
        unsafe { stream.launch(&launch) }
    }
}

/// Not a test by itself: the second process.
#[test]
fn scenario() {
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    if let Some((_, run)) = SCENARIOS.iter().find(|(name, _)| *name == wanted) {
        run();
    }
}

/// The libraries, built once for a test, and its folder for the cache.
struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    /// None where there is no C compiler.
    fn build(flags: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        fake::build(folder.path(), flags).then_some(Self { folder })
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Runs a scenario in which something is wrong, and returns all that was written.
    fn run(&self, scenario: &str, wrong: &str, cache: &Path) -> String {
        let compiler = match wrong {
            "no compiler" => "nowhere.so",
            _ => "libcuda.so.1",
        };
        let library = self.folder.path().join(compiler);
        let output = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "scenario", "--nocapture", "--test-threads=1"])
            .env("LD_LIBRARY_PATH", self.folder.path())
            .env("SCENARIO", scenario)
            .env("FAKE", wrong)
            .env("TUNEFORK_NVRTC", library)
            .env("TUNEFORK_CACHE", cache)
            .env("COMPILED", self.folder.path().join("compiled"))
            .output()
            .expect("this test runs again");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.concat();
        assert!(output.status.success(), "{scenario}, {wrong}:\n{text}");
        text
    }

    /// How often the compiler was called so far.
    fn compiled(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("compiled")).map_or(0, |text| text.lines().count())
    }
}

fn find() {
    match discover() {
        Ok(gpu) => println!("FOUND {} {:?} {}", gpu.card(), gpu.memory(), gpu.target()),
        Err(reason) => println!("REFUSED {reason}"),
    }
}

#[test]
fn what_is_missing_is_said_in_a_sentence() {
    let Some(fake) = Fake::build(&[]) else { return };
    let cache = fake.cache();
    for (wrong, expected) in [
        ("", "FOUND Fake GPU (compute capability 8.6) Ok((4294967296, 8589934592)) sm_86"),
        // Machine code runs under any driver of the same major version.
        ("new compiler", "FOUND Fake GPU (compute capability 8.6) Ok((4294967296, 8589934592)) sm_86"),
        ("new compiler, newer card", "PTX only, and newer than the driver, which knows CUDA up to 12.4: update"),
        ("newest compiler", "is newer than the driver, which knows CUDA up to 12.4: update the driver, or install"),
        ("no device", "REFUSED the NVIDIA driver sees no GPU: look at"),
        ("hidden", "REFUSED the NVIDIA driver sees no GPU: look at"),
        ("old driver", "REFUSED the NVIDIA driver is too old (it knows CUDA 11.4): update"),
        ("old card", "REFUSED Fake GPU (compute capability 6.1) is too old: compute capability 7.5"),
        ("no compiler", "REFUSED NVRTC cannot be loaded from"),
        ("busy", "REFUSED Fake GPU (compute capability 8.6) cannot be used now"),
        ("no memory for a context", "out of memory (CUDA_ERROR_OUT_OF_MEMORY), while starting on Fake GPU"),
        ("no memory for a stream", "while making a stream with its buffers: other processes may hold it"),
        ("no memory for an event", "REFUSED there is too little memory: out of memory"),
        ("no memory for pinned memory", "REFUSED there is too little memory: out of memory"),
    ] {
        let text = fake.run("find", wrong, &cache);
        assert!(text.contains(expected), "{wrong}: {expected}\n{text}");
        assert!(!text.contains("panicked"), "{wrong}\n{text}");
    }
}

#[test]
fn a_driver_without_a_function_is_too_old() {
    let Some(fake) = Fake::build(&["-DWITHOUT_UPLOAD"]) else {
        return;
    };
    let text = fake.run("find", "", &fake.cache());
    assert!(text.contains("REFUSED the NVIDIA driver is too old (it has no cuGraphUpload)"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn without_a_driver_nothing_panics() {
    // Where there is a real driver this finds a GPU or says why not.
    match discover() {
        Ok(gpu) => println!("found {}", gpu.card()),
        Err(DeviceError::Unavailable(reason)) => {
            assert!(reason.contains("NVIDIA") || reason.contains("NVRTC"), "{reason}")
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn work_is_done_in_order_and_memory_outlives_it() {
    let Some(fake) = Fake::build(&[]) else { return };
    let text = fake.run("work", "", &fake.cache());
    assert!(text.contains("WORK DONE"), "{text}");
}

fn work() {
    let gpu = discover().expect("the fake GPU");
    let stream = gpu.stream();
    // More than the staging ring holds, from memory that changes at once.
    let mut bytes: Vec<u8> = (0..20 << 20).map(|i: u32| (i * 7 / 5) as u8).collect();
    let memory = DeviceMemory::new(&stream, bytes.len()).expect("memory");
    memory.all::<u8>().write(&*stream, &bytes).expect("a copy");
    let expected = bytes.clone();
    bytes.fill(0);
    assert!(memory.all::<u8>().read(&*stream).expect("a copy") == expected, "uploads are copies");
    // Work that still waits, then memory that goes.
    memory.all::<u8>().fill(&*stream, 1).expect("filled");
    drop(memory);

    let error = DeviceMemory::new(&stream, 2 << 30).err().expect("too much");
    let said = "out of memory (CUDA_ERROR_OUT_OF_MEMORY), while allocating 2 GiB; the device has 4 GiB left";
    assert_eq!(error, DeviceError::OutOfMemory(said.into()));
    let nothing = DeviceMemory::of::<u32>(&stream, &[]).expect("no bytes are fine");
    assert!(nothing.all::<u32>().read(&*stream).expect("nothing").is_empty());
    replay(&stream);
    let seconds = gpu.time(|| Ok(())).expect("a time");
    assert!((seconds - 0.002).abs() < 1e-6, "the fake's two milliseconds");
    println!("WORK DONE");
}

/// A graph that takes a row of a table each time it runs.
fn replay(stream: &Arc<dyn Stream>) {
    let table = DeviceMemory::of(stream, &[1u32, 2, 3, 4, 5, 6]).expect("memory");
    let (counter, row) =
        (DeviceMemory::of(stream, &[0u32]).expect("memory"), DeviceMemory::of(stream, &[0u32; 2]).expect("memory"));
    assert!(stream.end_capture().is_err(), "nothing was begun");
    stream.begin_capture().expect("a capture");
    let refused = row.all::<u32>().read(&**stream).expect_err("no reading meanwhile");
    assert!(refused.to_string().contains("while launches are collected"), "{refused}");
    let early = Take { words: 2 }.run(&**stream, table.all(), counter.all(), row.all());
    early.expect("a launch");
    let graph = stream.end_capture().expect("a graph");
    assert_eq!(row.all::<u32>().read(&**stream).expect("a row"), [0, 0], "collected, not run");
    for expected in [[1, 2], [3, 4], [5, 6], [5, 6]] {
        graph.launch().expect("a run");
        assert_eq!(row.all::<u32>().read(&**stream).expect("a row"), expected);
    }
    graph.launch().expect("a run that nobody waits for");
    drop(graph);
    stream.begin_capture().expect("a capture");
    assert!(stream.end_capture().is_err(), "nothing collected");
}

#[test]
fn what_is_fed_goes_beside_the_work_and_keeps_its_place() {
    let Some(fake) = Fake::build(&[]) else { return };
    for copies in ["late copies", "eager copies"] {
        let text = fake.run("feed", copies, &fake.cache());
        assert!(text.contains("FED"), "{copies}\n{text}");
    }
}

/// Words that are fed at once.
const FED: usize = 5;

/// Two places take turns. What is done with one of them is late, or copies are early: each time it sees
/// what was sent for it.
fn feed() {
    let gpu = discover().expect("the fake GPU");
    let stream = gpu.stream();
    let memory = |words: usize| DeviceMemory::of(&stream, &vec![0u32; words]).expect("memory");
    let (places, seen) = (memory(2 * FED), memory(7 * FED));
    let (counter, row) = (memory(1), memory(FED));
    let mut feed = stream.feed(4 * FED).expect("a feed");
    stream.synchronize().expect("done");
    let numbers = |sent: u32| [1, 2, 3, 4, 5].map(|number| 100 * sent + number);
    for sent in 0..7 {
        let buffer = feed.buffer().expect("a buffer");
        buffer.copy_from_slice(bytemuck::cast_slice(&numbers(sent as u32)));
        let place = places.all::<u32>().part(sent % 2 * FED..(sent % 2 + 1) * FED);
        feed.send(&[(place.cast(), 0..4 * FED)]).expect("sent");
        if sent == 1 && std::env::var("FAKE").is_ok_and(|fake| fake == "eager copies") {
            // SAFETY: the fake GPU's memory is the host's.
            let first = |address: u64| unsafe { *(address as *const u32) };
            assert_eq!(first(place.address()), 101, "the second copy is done");
            assert_eq!(first(seen.all::<u32>().address()), 0, "the first work is not");
        }
        let work = Take { words: FED };
        let done = work.run(&*stream, place, counter.all(), row.all());
        done.expect("a launch");
        let kept = seen.all::<u32>().part(sent * FED..(sent + 1) * FED);
        kept.copy_from(&*stream, row.all()).expect("a copy");
    }
    let expected: Vec<u32> = (0..7).flat_map(numbers).collect();
    assert_eq!(seen.all::<u32>().read(&*stream).expect("read"), expected);

    stream.begin_capture().expect("a capture");
    let refused = feed.send(&[]).expect_err("not meanwhile");
    assert!(refused.to_string().contains("while launches are collected"), "{refused}");
    let copied = row.all::<u32>().copy_from(&*stream, places.all().part(0..FED));
    copied.expect("a copy can be collected");
    let graph = stream.end_capture().expect("a graph");
    // A copy that nobody waits for, and its buffers and places that go.
    let place = places.all::<u8>().part(0..8);
    feed.send(&[(place, 0..8)]).expect("sent");
    graph.launch().expect("a run");
    drop((feed, graph, places));
    println!("FED");
}

#[test]
fn the_host_goes_on_while_the_work_waits() {
    let Some(fake) = Fake::build(&[]) else { return };
    let text = fake.run("readback", "", &fake.cache());
    assert!(text.contains("READ BACK"), "{text}");
}

/// The fake driver does nothing before it is waited for: what is done shows what was waited for.
fn readback() {
    let gpu = discover().expect("the fake GPU");
    let stream = gpu.stream();
    let numbers = DeviceMemory::of(&stream, &[0u32; 512]).expect("memory");
    let part = |number: usize| numbers.all::<u32>().part(number..number + 1);
    // SAFETY: the fake GPU's memory is the host's.
    let now = |number: usize| unsafe { *(part(number).address() as *const u32) };
    let mut readbacks = [8, 4].map(|bytes| stream.readback(bytes).expect("a readback"));
    assert!(readbacks[0].wait().expect("nothing").is_empty(), "nothing was ordered");
    stream.synchronize().expect("done");
    // More copies than there are slots.
    for number in 0..512 {
        part(number).write(&*stream, &[7]).expect("a copy");
    }
    assert_eq!(now(0), 0, "small copies share a slot, so none was waited for");
    readbacks[0].order(&[part(511).cast(), part(0).cast()]).expect("ordered");
    part(0).write(&*stream, &[8]).expect("a copy");
    readbacks[1].order(&[part(0).cast()]).expect("ordered");
    assert_eq!(now(511), 0, "nothing was waited for");
    assert_eq!(readbacks[0].wait().expect("read"), bytemuck::bytes_of(&[7u32, 7]));
    assert_eq!(now(0), 7, "what is ordered behind it is not waited for");
    assert_eq!(readbacks[1].wait().expect("read"), bytemuck::bytes_of(&[8u32]));

    stream.begin_capture().expect("a capture");
    let refused = readbacks[0].order(&[]).expect_err("not meanwhile");
    assert!(refused.to_string().contains("while launches are collected"), "{refused}");
    assert_eq!(readbacks[1].wait().expect("read"), bytemuck::bytes_of(&[8u32]), "it stands before them");
    assert!(stream.end_capture().is_err(), "nothing collected");
    // One that nobody waits for, and its memory that goes.
    readbacks[0].order(&[part(0).cast()]).expect("ordered");
    drop((readbacks, numbers));
    println!("READ BACK");
}

#[test]
fn after_a_fault_the_process_has_lost_the_card() {
    let Some(fake) = Fake::build(&[]) else { return };
    let text = fake.run("fault", "fault", &fake.cache());
    assert!(text.contains("FAULT SEEN"), "{text}");
    // In another process it is as it was.
    let text = fake.run("find", "", &fake.cache());
    assert!(text.contains("FOUND"), "{text}");
}

fn launch(gpu: &Gpu) -> Result<(), DeviceError> {
    let stream = gpu.stream();
    let numbers = DeviceMemory::of(&stream, &[0u32; 4])?;
    let part = |range| numbers.all::<u32>().part(range);
    Take { words: 1 }.run(&*stream, part(0..2), part(2..3), part(3..4))?;
    stream.synchronize()
}

fn fault() {
    let gpu = discover().expect("the fake GPU");
    let held = DeviceMemory::of(&gpu.stream(), &[1u32]).expect("memory");
    let error = launch(&gpu).expect_err("a fault");
    let text = "the GPU is lost to this process (an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS), while waiting for its work): end it and start it again";
    assert_eq!(error.to_string(), text);
    assert_eq!(gpu.stream().synchronize(), Err(error.clone()), "the first reason, from now on");
    assert_eq!(gpu.memory(), Err(error.clone()));
    // No second context is asked for, at which the fake driver would die: neither beside the old one nor after it.
    assert_eq!(discover().err(), Some(error.clone()));
    drop(held);
    drop(gpu);
    assert_eq!(discover().err(), Some(error));
    println!("FAULT SEEN");
}

#[test]
fn memory_that_is_short_anywhere_loses_nothing() {
    let Some(fake) = Fake::build(&[]) else { return };
    let text = fake.run("memory", "", &fake.cache());
    assert!(text.contains("MEMORY SEEN"), "{text}");
}

/// Whatever finds no memory says so, and goes on once there is some: on the same stream, without any other context.
fn memory() {
    let gpu = discover().expect("the fake GPU");
    let stream = gpu.stream();
    let numbers = DeviceMemory::of(&stream, &[0u32; 64]).expect("memory");
    let part = |range| numbers.all::<u32>().part(range);
    let begin = || Take { words: 1 }.run(&*stream, part(0..2), part(2..3), part(3..4));
    let capture = || {
        stream.begin_capture()?;
        let collected = begin();
        let graph = stream.end_capture();
        collected.and(graph)?.launch()
    };
    let add = || {
        let add = Add { batch: 1, elements: 4, precision: Precision::F32 };
        add.run(&*stream, part(0..size_of::<StepRow>() / 4).cast(), part(0..4).cast(), part(8..12).cast(), false)
    };
    let feed = || stream.feed(64).map(drop);
    let readback = || stream.readback(64).map(drop);
    type Work<'a> = &'a dyn Fn() -> Result<(), DeviceError>;
    let places: [(&str, Work<'_>); 10] = [
        ("a module", &add),
        ("a launch", &begin),
        ("a launch", &capture),
        ("a graph", &capture),
        ("an upload", &capture),
        ("an event", &feed),
        ("a stream", &feed),
        ("pinned memory", &feed),
        ("an event", &readback),
        ("pinned memory", &readback),
    ];
    for (place, work) in places {
        // SAFETY: no other thread of this process looks at its environment.
        unsafe { std::env::set_var("FAKE", format!("no memory for {place}")) };
        let error = work().expect_err(place);
        assert!(matches!(error, DeviceError::OutOfMemory(_)), "{place}: {error:?}");
        assert!(error.to_string().contains("; the device has 4 GiB left"), "{place}: {error}");
        // SAFETY: as above.
        unsafe { std::env::set_var("FAKE", "") };
        work().unwrap_or_else(|error| panic!("{place}: {error}"));
        stream.synchronize().expect("nothing is lost");
    }
    println!("MEMORY SEEN");
}
