//! What of a launch's memory still lies in the cache that all multiprocessors share: that which was used last, up to the
//! cache's size, as if it threw out what had not been used for longest.
//!
//! Of a tensor whose end alone is there a launch finds nothing: it comes from the start, and what it brings in throws out the
//! end before it gets there.

use tunefork_kernels::{Owner, Place};

/// Stretches of memory, the one that was used last in front. They do not overlap.
pub(crate) struct Cache {
    bytes: u64,
    stretches: Vec<[u64; 2]>,
}

impl Cache {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes, stretches: Vec::new() }
    }

    /// The share of a launch's bytes that lie in the cache when it starts. Afterwards what fits of them does. Images are never
    /// there: each batch has others.
    pub(crate) fn touch(&mut self, places: &[Place]) -> f64 {
        let all: u64 = places.iter().map(|place| place.bytes).sum();
        let used: Vec<[u64; 2]> = places
            .iter()
            .filter(|place| place.owner != Owner::Images)
            .map(|place| [place.address, place.address + place.bytes])
            .collect();
        let is_there = |stretch: &&[u64; 2]| self.overlap(**stretch) == stretch[1] - stretch[0];
        let there: u64 = used.iter().filter(is_there).map(|[start, end]| end - start).sum();
        for stretch in used {
            self.put_in_front(stretch);
        }
        there as f64 / all.max(1) as f64
    }

    fn overlap(&self, [start, end]: [u64; 2]) -> u64 {
        self.stretches.iter().map(|&[from, to]| to.min(end).saturating_sub(from.max(start))).sum()
    }

    fn put_in_front(&mut self, [start, end]: [u64; 2]) {
        let without = |&[from, to]: &[u64; 2]| [[from, to.min(start)], [from.max(end), to]];
        let left = self.stretches.iter().flat_map(without).filter(|[from, to]| from < to);
        let mut stretches: Vec<[u64; 2]> = std::iter::once([start, end]).chain(left).collect();
        let mut room = self.bytes;
        for stretch in &mut stretches {
            // Of what is longer than the cache its end is left.
            stretch[0] = stretch[0].max(stretch[1].saturating_sub(room));
            room -= stretch[1] - stretch[0];
        }
        stretches.retain(|[from, to]| from < to);
        self.stretches = stretches;
    }
}

#[test]
fn what_was_used_last_is_there() {
    let place = |address, bytes| Place { owner: Owner::Trial, address, bytes };
    let mut cache = Cache::new(100);
    assert_eq!(cache.touch(&[place(0, 60)]), 0.0);
    assert_eq!(cache.touch(&[place(0, 30), place(1000, 30)]), 0.5);
    // 1000 to 1030, 0 to 30 and 30 to 60 are there, the last of them the oldest.
    assert_eq!(cache.touch(&[place(2000, 20)]), 0.0);
    assert_eq!(cache.touch(&[place(30, 30)]), 0.0);
    assert_eq!(cache.touch(&[place(30, 30)]), 1.0);
    // Longer than the cache, in which its end stays.
    assert_eq!(cache.touch(&[place(5000, 400)]), 0.0);
    assert_eq!(cache.touch(&[place(5000, 400)]), 0.0);
    assert_eq!(cache.touch(&[place(5300, 100)]), 1.0);
    let images = Place { owner: Owner::Images, address: 0, bytes: 100 };
    assert_eq!(cache.touch(&[images]), 0.0);
    assert_eq!(cache.touch(&[images]), 0.0);
}
