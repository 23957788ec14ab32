//! The one question that every sampler answers.

use std::fmt;

use tunefork_rng::{Key, Purpose, Stream};
use tunefork_space::{Point, Space};
use tunefork_trial::{History, TrialNumber};

/// All that a proposal may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What is known so far; the trial itself may or may not be in it already.
    pub history: &'a History,
    /// The number of the trial that the proposal is for.
    pub number: TrialNumber,
    /// How many proposals samplers made in this study before this one: the number of the trial
    /// minus that of enqueued trials before it.
    pub proposed: u32,
    /// The key of the study (not of the trial).
    pub key: Key,
    /// Which points may be proposed: the same in all asks of a study.
    pub region: Region<'a>,
}

impl Ask<'_> {
    /// The draws for a joint proposal.
    pub(crate) fn stream(&self) -> Stream {
        self.key.trial(self.number.0).stream(Purpose::Propose)
    }

    /// The draws for one parameter asked for by itself.
    pub(crate) fn stream_of(&self, parameter: usize) -> Stream {
        let index = parameter as u64 + 1;
        self.key.trial(self.number.0).stream_at(Purpose::Propose, index)
    }
}

/// The part of a space that proposals come from: all of it, or the points that somebody admits who knows what can be tried at all. Conditions of
/// the space say which parameters exist together; a region says which of their values work together, and need not say why.
#[derive(Clone, Copy, Default)]
pub struct Region<'a>(Option<&'a dyn Fn(&Point) -> bool>);

impl<'a> Region<'a> {
    /// The whole space.
    pub const WHOLE: Region<'static> = Region(None);

    /// The points of which `admits` is true; it must answer the same of a point whenever it is asked.
    pub fn of(admits: &'a dyn Fn(&Point) -> bool) -> Self {
        Self(Some(admits))
    }

    /// Whether it is known, without looking at any point, that all are admitted.
    pub fn is_whole(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this point may be proposed.
    pub fn admits(&self, point: &Point) -> bool {
        self.0.is_none_or(|admits| admits(point))
    }
}

impl fmt::Debug for Region<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_whole() { "the whole space" } else { "a part of the space" })
    }
}

/// What a sampler answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Proposal {
    /// A value for every active parameter of the space.
    Point(Point),
    /// The points of a finite space, or those that are admitted, are used up, or so few are admitted that none was found; the study ends.
    Exhausted,
}

/// Proposes parameters.
///
/// The life of a trial: `propose` is called once before it starts, with all that was known at this
/// moment. In a study whose space is declared beforehand that is all. Where parameters appear while
/// the trial runs (define-by-run), each one that the proposal does not cover is asked for with
/// `propose_one`, after it was added to the history's space.
///
/// A proposal is a pure function of the [`Ask`]. Implementations may keep caches, which must not
/// change any proposal, but no state.
///
/// Histories may hold anything: trials proposed by others, values outside today's domains, failed,
/// pruned and running trials, NaN.
pub trait Sampler: Send {
    /// The name used in study files and reports.
    fn name(&self) -> &'static str;

    /// Proposes a value for every parameter of `ask.history.space()` that is active at the proposed
    /// point, which lies in `ask.region`.
    fn propose(&mut self, ask: &Ask<'_>) -> Proposal;

    /// Proposes the internal value of one parameter by itself; the region, which is one of whole points, is not asked.
    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64;

    /// How many proposals there are at most before the space is exhausted; `None` when there is no
    /// end.
    fn trials(&self, space: &Space) -> Option<u64>;
}
