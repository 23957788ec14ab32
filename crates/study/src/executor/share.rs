//! How the trials that are trained share the threads.

/// Of `threads` that `trials` share, those of the next one, while others have `taken` theirs: an even share of
/// what is left, at least one. Never more than an even share of all, so that one who took many at another
/// time gets to give some back.
pub(super) fn share(threads: usize, trials: usize, taken: &[usize]) -> usize {
    let free = threads.saturating_sub(taken.iter().sum());
    let waiting = trials.saturating_sub(taken.len()).max(1);
    free.div_ceil(waiting).clamp(1, threads.div_ceil(trials))
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn all_threads_are_shared_evenly() {
        assert_eq!(share(8, 3, &[]), 3);
        assert_eq!(share(8, 3, &[3]), 3);
        assert_eq!(share(8, 3, &[3, 3]), 2);
        assert_eq!(share(8, 3, &[2, 3]), 3);
        assert_eq!(share(2, 4, &[1, 1]), 1, "at least one");
        assert_eq!(share(8, 1, &[]), 8);
    }

    /// Of three trials with two threads each, one ends: those that are left take turns to ask.
    #[test]
    fn what_others_leave_is_shared_too() {
        let second = share(6, 2, &[2]);
        assert_eq!(second, 3, "not all four that are free");
        assert_eq!(share(6, 2, &[second]), 3);
    }
}
