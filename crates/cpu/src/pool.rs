//! Threads that run the tasks of one step after the other.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};

/// How often a waiting thread looks again before it sleeps (workers) or yields (the caller): about
/// 50 microseconds, longer than what lies between two steps of a small network.
const SPINS: u32 = 4_000;

/// A fixed number of threads, the calling one included.
///
/// [`run`](Self::run) hands out the tasks 0, 1, 2, … to whichever thread is free. Which thread runs a
/// task must not matter: what a task computes may depend on its number alone. Nothing is allocated
/// per run. Between runs the threads spin for a moment, then sleep.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
}

struct Worker {
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

/// A task's function: number of the task, number of the thread that runs it.
type Function<'a> = dyn Fn(usize, usize) + Sync + 'a;

struct Shared {
    /// Odd while a job is open. Grows by one when a job opens and when it closes.
    generation: AtomicUsize,
    /// Workers that may be looking at the job.
    inside: AtomicUsize,
    /// Workers asleep or about to be.
    asleep: AtomicUsize,
    /// The next task to hand out.
    next: AtomicUsize,
    /// Written by the caller while the job is closed and nobody is inside, read only by those inside.
    job: UnsafeCell<Job>,
    /// What a task panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    stop: AtomicBool,
}

struct Job {
    function: *const Function<'static>,
    tasks: usize,
}

// SAFETY: `job` is the only part that is not Sync by itself; see its comment. The function behind the
// pointer is Sync, and it outlives the job, because `run` does not return before everybody has left.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads` threads, at least 1; the calling thread is one of them. Where the system
    /// refuses to start so many, the pool has fewer: results do not depend on their number.
    pub(crate) fn new(threads: usize) -> Self {
        fn nothing(_: usize, _: usize) {}
        let shared = Arc::new(Shared {
            generation: AtomicUsize::new(0),
            inside: AtomicUsize::new(threads.max(1) - 1), // every worker, until it has started
            asleep: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            job: UnsafeCell::new(Job { function: &nothing, tasks: 0 }),
            panic: Mutex::new(None),
            stop: AtomicBool::new(false),
        });
        let start = |number: usize| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("tunefork-cpu-{number}")).spawn(move || shared.work(number))
        };
        let workers: Vec<Worker> = (1..threads.max(1))
            .map_while(|number| start(number).ok())
            .map(|handle| Worker { thread: handle.thread().clone(), handle: Some(handle) })
            .collect();
        let refused = threads.max(1) - 1 - workers.len();
        shared.inside.fetch_sub(refused, SeqCst);
        let mut spins = 0;
        while shared.inside.load(SeqCst) > 0 {
            wait(&mut spins);
        }
        Self { shared, workers }
    }

    /// Number of threads, the calling one included; fewer than asked for where the system refused.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `function(task, thread)` once for every task below `tasks`; `thread` is below
    /// [`threads`](Self::threads), and no two tasks run at once under the same thread number.
    ///
    /// # Panics
    ///
    /// If a task panics: with its payload, after all other tasks have ended.
    pub(crate) fn run(&mut self, tasks: usize, function: &Function<'_>) {
        if self.workers.is_empty() || tasks <= 1 {
            (0..tasks).for_each(|task| function(task, 0));
            return;
        }
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. The pointer is used by this thread and by workers inside
        // an open job; below, the job is closed and all workers have left before this function returns.
        let function: *const Function<'static> = unsafe { std::mem::transmute::<*const Function<'_>, _>(function) };
        // SAFETY: the job is closed and nobody is inside (`&mut self`, and the wait at the end of the last run).
        unsafe { *shared.job.get() = Job { function, tasks } };
        shared.next.store(0, SeqCst);
        shared.generation.fetch_add(1, SeqCst);
        if shared.asleep.load(SeqCst) > 0 {
            self.workers.iter().for_each(|worker| worker.thread.unpark());
        }
        shared.take_tasks(0);
        shared.generation.fetch_add(1, SeqCst);
        let mut spins = 0;
        while shared.inside.load(SeqCst) > 0 {
            wait(&mut spins);
        }
        let panic = shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        for worker in &mut self.workers {
            worker.thread.unpark();
            if let Some(handle) = worker.handle.take() {
                // A worker's panics are caught inside, so there is nothing to learn from the result.
                let _ = handle.join();
            }
        }
    }
}

impl Shared {
    /// Runs tasks of the open job until none is left. The caller or a worker counted in `inside`.
    fn take_tasks(&self, thread: usize) {
        // SAFETY: the job is open and this thread keeps it from being replaced: as the caller, or inside.
        let Job { function, tasks } = unsafe { &*self.job.get() };
        let result = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let task = self.next.fetch_add(1, SeqCst);
                if task >= *tasks {
                    break;
                }
                // SAFETY: the function is alive as long as the job is open or somebody is inside.
                unsafe { (**function)(task, thread) };
            }
        }));
        if let Err(payload) = result {
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(payload);
        }
    }

    fn work(&self, thread: usize) {
        self.inside.fetch_sub(1, SeqCst);
        let mut seen = 0;
        loop {
            let Some(generation) = self.next_job(seen) else {
                return;
            };
            self.inside.fetch_add(1, SeqCst);
            // Closed by now? Either we see it here, or the caller sees us inside and waits.
            if self.generation.load(SeqCst) == generation {
                self.take_tasks(thread);
            }
            self.inside.fetch_sub(1, SeqCst);
            seen = generation;
        }
    }

    /// Waits for an open job other than `seen`; `None` when the pool is dropped.
    fn next_job(&self, seen: usize) -> Option<usize> {
        let mut spins = 0;
        loop {
            let generation = self.generation.load(SeqCst);
            if self.stop.load(SeqCst) {
                return None;
            }
            if generation % 2 == 1 && generation != seen {
                return Some(generation);
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
                continue;
            }
            self.asleep.fetch_add(1, SeqCst);
            // The caller either sees us asleep and wakes us, or we see its job here.
            let unchanged = self.generation.load(SeqCst) == generation && !self.stop.load(SeqCst);
            if unchanged {
                thread::park();
            }
            self.asleep.fetch_sub(1, SeqCst);
            spins = 0;
        }
    }
}

/// Spins for a while, then lets other threads of the machine run.
fn wait(spins: &mut u32) {
    *spins += 1;
    if *spins < SPINS {
        std::hint::spin_loop();
    } else {
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_task_runs_exactly_once() {
        for threads in [1, 2, 3, 5] {
            let mut pool = Pool::new(threads);
            for tasks in [0, 1, 2, 7, 100] {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, &|task, thread| {
                    assert!(thread < threads);
                    counts[task].fetch_add(1, SeqCst);
                });
                assert!(counts.iter().all(|count| count.load(SeqCst) == 1));
            }
        }
    }

    #[test]
    fn many_short_runs_and_pauses_lose_nothing() {
        let mut pool = Pool::new(3);
        let sum = AtomicU64::new(0);
        for round in 0..3_000 {
            pool.run(5, &|task, _| {
                sum.fetch_add(task as u64, SeqCst);
            });
            if round % 500 == 0 {
                thread::sleep(std::time::Duration::from_millis(2)); // the workers fall asleep
            }
        }
        assert_eq!(sum.load(SeqCst), 30_000);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let mut pool = Pool::new(2);
        for bad in 0..8 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                pool.run(8, &|task, _| assert!(task != bad, "task {task} fails"));
            }));
            let payload = result.unwrap_err();
            let text = payload.downcast_ref::<String>().cloned().unwrap_or_default();
            assert_eq!(text, format!("task {bad} fails"));
        }
        let count = AtomicUsize::new(0);
        pool.run(4, &|_, _| {
            count.fetch_add(1, SeqCst);
        });
        assert_eq!(count.load(SeqCst), 4);
    }
}
