//! One reader, several workers, one writer: how all images of a source are gone through.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;

use crate::DataError;
use crate::contents::{Contents, Raw};

/// Images are handed over in batches of about this many bytes ...
const BATCH_BYTES: usize = 1 << 20;

/// ... and at most this many images, so that progress is smooth and memory bounded.
const BATCH_IMAGES: usize = 64;

type Batch<T> = Vec<(usize, T)>;

/// Runs `work` on `threads` threads, the calling one among them; on fewer where the system has no more. What is to be done it
/// takes from where all take it.
pub(crate) fn together(threads: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // The others do what this one would have done.
            let _ = Builder::new().spawn_scoped(scope, &work);
        }
        work();
    });
}

/// Divides `0..total` into blocks of `block` and runs `work` on each, on `threads` threads; `progress` is told on the calling
/// thread how many items have been taken, at last all.
pub(crate) fn in_blocks(
    threads: usize,
    total: usize,
    block: usize,
    work: impl Fn(Range<usize>) + Sync,
    mut progress: impl FnMut(usize),
) {
    let taken = AtomicUsize::new(0);
    let next = || {
        let start = taken.fetch_add(block, Ordering::Relaxed);
        (start < total).then(|| start..total.min(start + block))
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // The others do what this one would have done.
            let _ = Builder::new().spawn_scoped(scope, || std::iter::from_fn(next).for_each(&work));
        }
        for items in std::iter::from_fn(next) {
            work(items);
            progress(taken.load(Ordering::Relaxed).min(total));
        }
    });
    progress(total);
}

/// Runs `work` on every image of `contents`, on `threads` threads, and hands the results to `take`
/// on the calling thread, with the image's place. Results come in any order; what they are does not
/// depend on the number of threads.
pub(crate) fn for_each<R: Send>(
    contents: &Contents,
    threads: usize,
    work: impl Fn(Raw) -> R + Sync,
    mut take: impl FnMut(usize, R) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let (send_raw, receive_raw) = sync_channel::<Batch<Raw>>(threads);
    let (send_done, receive_done) = sync_channel::<Batch<R>>(threads);
    let receive_raw = Mutex::new(receive_raw);
    // Set when `take` fails: the reader stops early, and workers empty its channel meanwhile.
    let stop = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let receive_raw = &receive_raw;
        let workers = (0..threads).map_while(|_| {
            let (send_done, work) = (send_done.clone(), &work);
            let worker = move || {
                while let Some(batch) = next(receive_raw) {
                    let done = batch.into_iter().map(|(place, raw)| (place, work(raw))).collect();
                    if send_done.send(done).is_err() {
                        break;
                    }
                }
                while next(receive_raw).is_some() {}
            };
            Builder::new().spawn_scoped(scope, worker).ok()
        });
        let workers = workers.count();
        drop(send_done);
        let reader = move || read(contents, &send_raw, stop);
        if workers == 0 {
            return in_turn(contents, &work, &mut take);
        }
        let Ok(reader) = Builder::new().spawn_scoped(scope, reader) else {
            return in_turn(contents, &work, &mut take);
        };
        // The receiver is used up here, so workers notice when `take` fails.
        let mut done = receive_done.into_iter().flatten();
        let outcome = done.try_for_each(|(place, result)| take(place, result));
        stop.store(outcome.is_err(), Ordering::Relaxed);
        drop(done);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        outcome.and(read)
    })
}

/// As [`for_each`], on the calling thread alone: the system has no other.
fn in_turn<R>(
    contents: &Contents,
    work: impl Fn(Raw) -> R,
    take: &mut impl FnMut(usize, R) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut outcome = Ok(());
    contents.feed(&mut |place, raw| {
        outcome = take(place, work(raw));
        outcome.is_ok()
    })?;
    outcome
}

/// The next batch, or nothing when the reader is done.
fn next<T>(receiver: &Mutex<Receiver<Batch<T>>>) -> Option<Batch<T>> {
    // The lock is only ever held here, where nothing panics.
    let receiver = receiver.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    receiver.recv().ok()
}

/// Puts all images of a source into batches.
fn read(contents: &Contents, send: &SyncSender<Batch<Raw>>, stop: &AtomicBool) -> Result<(), DataError> {
    let mut batch = Batch::new();
    let mut bytes = 0;
    contents.feed(&mut |place, raw| {
        bytes += match &raw {
            Raw::Encoded(file) => file.len(),
            Raw::Decoded(picture) => picture.pixels.len(),
            // Not read yet; photos are decoded for so long that small batches cost nothing.
            Raw::File(_) | Raw::Bad(_) => BATCH_BYTES / BATCH_IMAGES,
        };
        batch.push((place, raw));
        if batch.len() < BATCH_IMAGES && bytes < BATCH_BYTES {
            return true;
        }
        bytes = 0;
        !stop.load(Ordering::Relaxed) && send.send(std::mem::take(&mut batch)).is_ok()
    })?;
    if !batch.is_empty() {
        // Nobody listens when a write failed; that error is reported by the writer.
        let _ = send.send(batch);
    }
    Ok(())
}
