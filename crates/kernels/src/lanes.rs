//! Launches that do the work of several trials at once.
//!
//! Trials of one plan have memory of the same layout, each in one allocation. So a launch for the first of them is one for all
//! if every pointer moves by the distance of the allocations: grids get a third dimension, and kernels are told the distances
//! (`kernels/device.cuh`, `in_lane`). A trial's blocks see nothing of the others, so its bits are those that it has alone.

use std::sync::Arc;

use crate::arguments::Place;
use crate::{CapturedGraph, DeviceError, Feed, Kernel, Lanes, Launch, Owner, Readback, Span, Stream};

/// A stream on which everything that is launched, filled and copied for the first of some trials happens for each of them.
pub struct LaneStream<'a> {
    stream: &'a dyn Stream,
    trials: Vec<Span<'a, u8>>,
    tables: Vec<Span<'a, f32>>,
}

impl<'a> LaneStream<'a> {
    /// Trials with all their memory, and the tables of their images. The images are the same for all.
    ///
    /// # Panics
    /// Unless there are 1 to [`Lanes::MOST`] trials, as many tables, and all of them of one length each.
    pub fn new(stream: &'a dyn Stream, trials: Vec<Span<'a, u8>>, tables: Vec<Span<'a, f32>>) -> Self {
        assert!((1..=Lanes::MOST).contains(&trials.len()), "{} trials", trials.len());
        assert_eq!(trials.len(), tables.len(), "tables for each trial");
        assert!(trials.iter().all(|trial| trial.len() == trials[0].len()), "trials of one layout");
        assert!(tables.iter().all(|table| table.len() == tables[0].len()), "tables of one size");
        Self { stream, trials, tables }
    }

    /// Where the first trial's memory is among the others': the distance of each.
    fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        let first = self.trials[0].address();
        self.trials.iter().map(move |trial| trial.address().wrapping_sub(first))
    }

    /// # Panics
    /// Unless some memory is the first trial's, or the first one's tables, or images.
    fn check(&self, place: Place) {
        let (start, bytes) = match place.owner {
            Owner::Trial => (self.trials[0].address(), self.trials[0].len()),
            Owner::Tables => (self.tables[0].address(), self.tables[0].len() * size_of::<f32>()),
            Owner::Images => return,
        };
        let end = start + bytes as u64;
        assert!(start <= place.address && place.address + place.bytes <= end, "memory of the first trial");
    }

    /// The same for some of the trial's bytes.
    fn check_bytes(&self, address: u64, bytes: usize) {
        self.check(Place { owner: Owner::Trial, address, bytes: bytes as u64 });
    }
}

fn distances(offsets: impl Iterator<Item = u64>) -> Lanes {
    let mut lanes = Lanes::default();
    lanes.offset.iter_mut().zip(offsets).for_each(|(lane, offset)| *lane = offset);
    lanes
}

impl Stream for LaneStream<'_> {
    fn architecture(&self) -> u32 {
        self.stream.architecture()
    }

    fn beside(&self) -> Result<Arc<dyn Stream>, DeviceError> {
        self.stream.beside()
    }

    fn allocate(&self, bytes: usize) -> Result<u64, DeviceError> {
        self.stream.allocate(bytes)
    }

    unsafe fn free(&self, address: u64, bytes: usize) {
        // SAFETY: the caller's.
        unsafe { self.stream.free(address, bytes) };
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { self.stream.upload(to, from) }
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<(), DeviceError> {
        // SAFETY: the caller's.
        unsafe { self.stream.download(to, from) }
    }

    unsafe fn fill(&self, to: u64, byte: u8, bytes: usize) -> Result<(), DeviceError> {
        self.check_bytes(to, bytes);
        // SAFETY: checked for the first trial; the others have as many bytes.
        self.offsets().try_for_each(|offset| unsafe { self.stream.fill(to.wrapping_add(offset), byte, bytes) })
    }

    unsafe fn copy(&self, to: u64, from: u64, bytes: usize) -> Result<(), DeviceError> {
        self.check_bytes(to, bytes);
        self.check_bytes(from, bytes);
        self.offsets().try_for_each(|offset| {
            // SAFETY: checked for the first trial; the others have as many bytes.
            unsafe { self.stream.copy(to.wrapping_add(offset), from.wrapping_add(offset), bytes) }
        })
    }

    fn feed(&self, bytes: usize) -> Result<Box<dyn Feed>, DeviceError> {
        self.stream.feed(bytes)
    }

    fn readback(&self, bytes: usize) -> Result<Box<dyn Readback>, DeviceError> {
        self.stream.readback(bytes)
    }

    fn prepare(&self, kernels: &[Kernel]) -> Result<(), DeviceError> {
        self.stream.prepare(kernels)
    }

    unsafe fn launch(&self, launch: &Launch<'_>) -> Result<(), DeviceError> {
        launch.arguments.places().iter().for_each(|place| self.check(*place));
        let arguments = launch.arguments.clone().in_lanes(|owner| match owner {
            Owner::Trial => distances(self.offsets()),
            Owner::Images => Lanes::default(),
            Owner::Tables => {
                let first = self.tables[0].address();
                distances(self.tables.iter().map(|table| table.address().wrapping_sub(first)))
            }
        });
        let [x, y, z] = launch.grid;
        assert_eq!(z, 1, "the third dimension is that of the lanes");
        let grid = [x, y, self.trials.len() as u32];
        // SAFETY: the caller's for the first trial, all of whose memory was checked; the others' has the same layout.
        unsafe { self.stream.launch(&Launch { grid, arguments: &arguments, ..*launch }) }
    }

    fn synchronize(&self) -> Result<(), DeviceError> {
        self.stream.synchronize()
    }

    fn begin_capture(&self) -> Result<(), DeviceError> {
        self.stream.begin_capture()
    }

    fn end_capture(&self) -> Result<Box<dyn CapturedGraph>, DeviceError> {
        self.stream.end_capture()
    }
}
