//! Which images engines on a GPU learn from, and where they are.

use std::any::Any;
use std::sync::{Arc, Weak};

use tunefork_graph::ImageSet;
use tunefork_kernels::Stream;

use crate::{CudaError, Images, Resident, Streamed};

/// A set of images that engines share, by where it is.
#[derive(Clone)]
pub(super) enum SharedSet {
    Resident(Arc<Resident>),
    Streamed(Arc<Streamed>),
}

impl SharedSet {
    pub(super) fn images<'a>(&'a self, images: &'a dyn ImageSet) -> Images<'a> {
        match self {
            Self::Resident(set) => Images::Resident(set),
            Self::Streamed(set) => Images::Streamed { set, pixels: images.pixels(), labels: images.labels() },
        }
    }
}

/// Bytes of the GPU that these images take if they lie there as a whole.
pub(super) fn resident_bytes(images: &dyn ImageSet) -> u64 {
    Resident::planned_bytes(images.image(), images.labels().len())
}

/// Whether these images are streamed where they may take so many bytes.
pub(super) fn are_streamed(images: &dyn ImageSet, budget: u64) -> bool {
    resident_bytes(images) > budget
}

/// The sets of images that engines on one GPU learn from. A set stays as long as somebody on the host
/// holds it: a study trains all its trials on one.
#[derive(Default)]
pub(super) struct Sets {
    held: Vec<Held>,
}

struct Held {
    owner: Weak<dyn Any + Send + Sync>,
    tables: Vec<[f32; 256]>,
    /// The bytes that a ring may take, if they are streamed.
    ring: Option<u64>,
    set: SharedSet,
}

impl Sets {
    /// Bytes of the GPU that are still to be taken for these images, and all that they take.
    pub(super) fn planned_bytes(&self, images: &dyn ImageSet, budget: u64) -> (u64, u64) {
        let ring = are_streamed(images, budget).then_some(budget);
        let all = match ring {
            None => resident_bytes(images),
            Some(_) => Streamed::planned_bytes(images.image()),
        };
        let owner = images.owner();
        match self.held.iter().any(|held| held.is(&owner, ring)) {
            true => (0, all),
            false => (all, all),
        }
    }

    /// Gives up the sets that nobody on the host holds any more.
    pub(super) fn drop_unused(&mut self) {
        self.held.retain(|held| held.owner.strong_count() > 0);
    }

    /// Where these images are; they are copied to the GPU if they should lie there and do not.
    pub(super) fn get(
        &mut self,
        stream: &Arc<dyn Stream>,
        images: &dyn ImageSet,
        budget: u64,
    ) -> Result<SharedSet, CudaError> {
        self.drop_unused();
        let ring = are_streamed(images, budget).then_some(budget);
        let owner = images.owner();
        let mut others = self.held.iter().filter(|held| held.is(&owner, ring));
        if let Some(held) = others.clone().find(|held| held.tables == images.tables()) {
            return Ok(held.set.clone());
        }
        let set = new_set(stream, images, ring, others.next().map(|held| &held.set))?;
        // Streams of engines read them, beside the one that they are copied on.
        stream.synchronize()?;
        self.held.push(Held {
            owner: Arc::downgrade(&owner),
            tables: images.tables().to_vec(),
            ring,
            set: set.clone(),
        });
        Ok(set)
    }
}

impl Held {
    fn is(&self, owner: &Arc<dyn Any + Send + Sync>, ring: Option<u64>) -> bool {
        std::ptr::addr_eq(self.owner.as_ptr(), Arc::as_ptr(owner)) && self.ring == ring
    }
}

/// The set of images that are nowhere yet, or only under another normalisation.
fn new_set(
    stream: &Arc<dyn Stream>,
    images: &dyn ImageSet,
    ring: Option<u64>,
    other: Option<&SharedSet>,
) -> Result<SharedSet, CudaError> {
    let (image, tables) = (images.image(), images.tables().as_flattened());
    if let Some(budget) = ring {
        let set = Streamed::new(stream, image, tables, budget)?;
        return Ok(SharedSet::Streamed(Arc::new(set)));
    }
    let set = match other {
        Some(SharedSet::Resident(other)) => other.normalised(stream, tables)?,
        Some(SharedSet::Streamed(_)) | None => Resident::new(stream, image, images.pixels(), images.labels(), tables)?,
    };
    Ok(SharedSet::Resident(Arc::new(set)))
}
