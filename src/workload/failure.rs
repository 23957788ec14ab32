//! What an error of training means for the study.

use tunefork_study::{FailureKind, TrialFailure};
use tunefork_train::{EngineError, TrainError};

/// What an error means in a trial that fits the device: if it does not fit now, others hold the memory,
/// which no clock can know.
pub(super) fn crowded(error: TrainError) -> TrialFailure {
    match error {
        TrainError::DoesNotFit { .. } | TrainError::Engine(EngineError::OutOfMemory(_)) => TrialFailure::new(
            FailureKind::Fault,
            format!("{error}; other programs may hold the device's memory: end them first"),
        ),
        error => failure(error),
    }
}

/// What a trial's error means for the study.
pub(super) fn failure(error: TrainError) -> TrialFailure {
    let kind = match &error {
        // Each trial would fail of that, so none is to blame.
        TrainError::Engine(EngineError::Lost(_)) => FailureKind::DeviceLost,
        TrainError::Diverged { .. } => FailureKind::Diverged,
        TrainError::DoesNotFit { .. } => FailureKind::DoesNotFit,
        TrainError::Interrupted { .. } => FailureKind::Interrupted,
        TrainError::Engine(_) | TrainError::Checkpoint(_) | TrainError::Unfinished => FailureKind::Fault,
        TrainError::Setting { .. }
        | TrainError::Network(_)
        | TrainError::Data(_)
        | TrainError::Graph(_)
        | TrainError::ImageShape { .. }
        | TrainError::Classes { .. }
        | TrainError::Channels { .. }
        | TrainError::NoImages { .. }
        | TrainError::NoSuchImage { .. }
        | TrainError::BatchTooLarge { .. }
        | TrainError::Done { .. }
        | TrainError::Weights(_) => FailureKind::InvalidConfiguration,
    };
    TrialFailure::new(kind, error.to_string())
}
