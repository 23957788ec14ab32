//! The words that networks, engines and kernels share.

mod activation;
mod image;
mod pool;
mod window;

pub use activation::Activation;
pub use image::Image;
pub use pool::{Pool, PoolKind};
pub use window::Window;
