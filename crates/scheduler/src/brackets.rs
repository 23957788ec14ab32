//! The brackets of Hyperband: how many trials each has, and where its lowest rung stands.

use crate::OptionError;

/// What both forms of Hyperband are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HyperbandOptions {
    /// The step of the lowest rung of all; 1 or more.
    pub min_resource: u32,
    /// The steps of a trial that runs to its end; `min_resource` or more.
    pub max_resource: u32,
    /// η: one in so many trials gets past a rung, and the next rung is so many times higher; 2 or more.
    pub factor: u32,
}

impl Default for HyperbandOptions {
    /// Those of the paper: from 1 to 81 steps, η = 3.
    fn default() -> Self {
        Self { min_resource: 1, max_resource: 81, factor: 3 }
    }
}

/// One bracket: successive halving of so many trials from a rung on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bracket {
    /// How many of the lowest rungs it leaves out.
    pub skip: u32,
    /// Its trials, if it is played once: n = ⌈B / (s + 1) · η^s⌉ for the bracket that leaves B − 1 − s rungs out.
    pub trials: u32,
}

/// All brackets, the one with the most trials and the lowest rung first.
///
/// Li et al., "Hyperband: A novel bandit-based approach to hyperparameter optimization", JMLR 2018, algorithm 1.
pub(crate) fn brackets(options: &HyperbandOptions) -> Result<Vec<Bracket>, OptionError> {
    let &HyperbandOptions { min_resource, max_resource, factor } = options;
    OptionError::at_least_one("min_resource", min_resource)?;
    if factor < 2 {
        return Err(OptionError { option: "factor", value: factor.into(), allowed: "2 or more" });
    }
    if max_resource < min_resource {
        let allowed = "`min_resource` or more";
        return Err(OptionError { option: "max_resource", value: max_resource.into(), allowed });
    }
    let halvings = (max_resource / min_resource).ilog(factor);
    let count = u64::from(halvings) + 1;
    let bracket = |skip: u32| {
        let s = halvings - skip;
        let trials = (count * u64::from(factor).pow(s)).div_ceil(u64::from(s) + 1);
        Bracket { skip, trials: u32::try_from(trials).unwrap_or(u32::MAX) }
    };
    Ok((0..=halvings).map(bracket).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 1 of the paper, R = 81 and η = 3, and the weights of Optuna for R = 9.
    #[test]
    fn brackets_are_those_of_the_paper() {
        let trials = |max_resource| -> Vec<u32> {
            let options = HyperbandOptions { max_resource, ..HyperbandOptions::default() };
            brackets(&options).unwrap().iter().map(|bracket| bracket.trials).collect()
        };
        assert_eq!(trials(81), [81, 34, 15, 8, 5]);
        assert_eq!(trials(9), [9, 5, 3]);
        assert_eq!(trials(2), [1]);
    }
}
