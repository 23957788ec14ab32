//! From a schedule to addresses: when each tensor lives, and which may lie on which.

use super::Buffer;
use super::place::{Interval, place};
use super::schedule::{Schedule, Tensor};

impl Schedule {
    /// An address for each tensor, and the length of the arena.
    pub(super) fn place(&self) -> (Vec<Buffer>, usize) {
        let mut spans = self.lifetimes();
        let owners = self.overlay(&mut spans);
        let (offsets, len) = place(&spans);
        let buffer = |tensor: usize| Buffer { offset: offsets[owners[tensor]], len: self.elements[tensor] };
        ((0..self.elements.len()).map(buffer).collect(), len)
    }

    /// From the first to the last step that touches each tensor. The input is there from the start.
    fn lifetimes(&self) -> Vec<Interval> {
        let mut spans: Vec<Interval> =
            self.elements.iter().map(|&elements| Interval { first: usize::MAX, last: 0, elements }).collect();
        spans[self.input.0].first = 0;
        for (time, step) in self.steps.iter().enumerate() {
            for used in step.uses() {
                let span = &mut spans[used.tensor.0];
                span.first = span.first.min(time);
                span.last = span.last.max(time);
            }
        }
        spans
    }

    /// Lets tensors lie on others where a step allows it and the other one ends with that step.
    /// Returns for each tensor whose place it has; that one's lifetime is extended, its own is empty.
    fn overlay(&self, spans: &mut [Interval]) -> Vec<usize> {
        let mut owners: Vec<usize> = (0..spans.len()).collect();
        for (time, step) in self.steps.iter().enumerate() {
            for (Tensor(over), Tensor(under)) in step.overlays() {
                let owner = owners[under];
                // One that lies on another already has an empty lifetime, which begins nowhere.
                let is_new = spans[over].first == time;
                let ends = spans[owner].last == time && owner != over;
                if is_new && ends && self.elements[over] == self.elements[under] {
                    owners[over] = owner;
                    spans[owner].last = spans[over].last;
                    spans[over] = Interval { first: usize::MAX, last: 0, elements: 0 };
                }
            }
        }
        owners
    }
}
