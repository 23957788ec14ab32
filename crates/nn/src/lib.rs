//! Descriptions of convolutional networks and perceptrons, and the graphs they become; initialisation, optimizers, learning-rate schedules.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
