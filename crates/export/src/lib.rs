//! Trained models as safetensors files that carry what is needed to use them.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
