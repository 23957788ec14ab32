//! Parameters whose domain another program changed from trial to trial, as people do when they widen a range.

use tunefork_space::Domain;
use tunefork_study::TrialRecord;

/// A domain with the values of both; the first where they are of different kinds.
pub(crate) fn united(one: &Domain, other: &Domain) -> Domain {
    let both = match (one, other) {
        _ if one == other => return one.clone(),
        (Domain::Float { low: a, high: b, log, .. }, Domain::Float { low: c, high: d, .. }) => {
            let (low, high) = (a.min(*c), b.max(*d));
            if *log && low > 0.0 { Domain::log(low, high) } else { Domain::uniform(low, high) }
        }
        (Domain::Int { low: a, high: b, log, .. }, Domain::Int { low: c, high: d, .. }) => {
            let (low, high) = (*a.min(c), *b.max(d));
            if *log && low > 0 { Domain::int_log(low, high) } else { Domain::int(low, high) }
        }
        (Domain::Categorical { choices, .. }, Domain::Categorical { choices: more, .. }) => {
            let new = more.iter().filter(|choice| !choices.contains(choice));
            Domain::choice(choices.iter().chain(new).cloned())
        }
        (Domain::Float { .. } | Domain::Int { .. } | Domain::Categorical { .. }, _) => return one.clone(),
    };
    both.unwrap_or_else(|_| one.clone())
}

/// The internal value of a trial's parameter in this domain, which may be wider than the trial's own; nothing where it is none of it.
pub(crate) fn internal(trial: &TrialRecord, name: &str, domain: &Domain) -> Option<f64> {
    let stored = trial.params.iter().find(|stored| stored.name == name)?;
    match stored.domain == *domain {
        true => Some(stored.internal),
        false => domain.to_internal(&stored.domain.to_value(stored.internal)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tunefork_study::StoredParameter;
    use tunefork_trial::{TrialNumber, TrialState};

    #[test]
    fn domains_grow_with_their_trials() {
        let united = |one: Domain, other: Domain| united(&one, &other);
        let uniform = |low, high| Domain::uniform(low, high).unwrap();
        assert_eq!(united(uniform(0.0, 2.0), uniform(-4.5, 900.5)), uniform(-4.5, 900.5));
        assert_eq!(united(Domain::int(3, 5).unwrap(), Domain::int(3, 50).unwrap()), Domain::int(3, 50).unwrap());
        let (ab, bc) = (Domain::choice(["a", "b"]).unwrap(), Domain::choice(["b", "c"]).unwrap());
        let abc = united(ab, bc.clone());
        assert_eq!(abc, Domain::choice(["a", "b", "c"]).unwrap());
        assert_eq!(united(uniform(0.0, 1.0), Domain::int(3, 5).unwrap()), uniform(0.0, 1.0));
        let mut trial = TrialRecord::new(TrialNumber(0), TrialState::Complete);
        trial.params.push(StoredParameter { name: "x".into(), domain: bc, internal: 1.0 });
        assert_eq!(internal(&trial, "x", &abc), Some(2.0), "c is the third of three");
    }
}
