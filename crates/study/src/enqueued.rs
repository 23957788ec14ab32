//! Trials that are tried as given.

use tunefork_sampler::{Ask, Sampler};
use tunefork_space::{Params, Point, SpaceError};

/// The point of enqueued values; what they leave open is drawn by the sampler, parameter by parameter.
///
/// # Errors
/// Values of unknown or inactive parameters, or outside their domains.
pub(crate) fn complete(fixed: &Params, ask: &Ask<'_>, sampler: &mut dyn Sampler) -> Result<Point, SpaceError> {
    let space = ask.history.space();
    let given = space.partial_point(fixed)?;
    let mut point = Point::absent(space.len());
    for &index in space.topological_order() {
        let domain = space.domain(index);
        match (space.is_active(&point, index), given.has(index)) {
            (true, true) => point.set(index, given.get(index)),
            (true, false) if domain.is_single() => point.set(index, domain.nth(0)),
            (true, false) => point.set(index, sampler.propose_one(ask, index)),
            (false, true) => {
                return Err(SpaceError::Inactive { parameter: space.parameters()[index].name.clone() });
            }
            (false, false) => {}
        }
    }
    Ok(point)
}
