//! The words that networks, engines and kernels share.

mod activation;
mod image;
mod pool;
mod precision;
mod transform;
mod window;

pub use activation::Activation;
pub use image::Image;
pub use pool::{Pool, PoolKind};
pub use precision::Precision;
pub use transform::Transform;
pub use window::Window;
