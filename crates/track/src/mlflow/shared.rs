//! What the study's thread and the sender's know of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::messages::Whose;

/// What both threads know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Messages of each run that are not sent yet.
    pub(super) unsent: BTreeMap<Whose, usize>,
    /// What is to be told to the user.
    pub(super) warnings: Vec<String>,
    /// Why the last request failed, if it did.
    pub(super) failure: Option<String>,
    /// Runs of which something was refused.
    pub(super) refused: BTreeSet<Whose>,
    /// The server has nothing of the study any more.
    pub(super) is_emptied: bool,
    /// The server is known to have the study's run.
    pub(super) has_begun: bool,
    /// Nothing more will come: sending until then, and not waiting for long.
    pub(super) until: Option<Instant>,
    /// The sender has ended.
    pub(super) is_over: bool,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until the state is as asked, at most so long.
    pub(super) fn wait(&self, most: Duration, is_so: impl Fn(&State) -> bool) {
        let waiting = self.changed.wait_timeout_while(self.lock(), most, |state| !is_so(state));
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }
}
