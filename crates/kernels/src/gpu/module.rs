//! A compiled kernel on the device.

use std::ffi::{CString, c_void};

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys;

use super::nvrtc::Compiled;

/// Dynamic shared memory that a kernel gets without asking for more.
const PLAIN_SHARED: u32 = 48 * 1024;

/// A kernel's code on the device. Belongs to the context that was current when it was loaded.
pub(super) struct Module {
    module: sys::CUmodule,
    function: sys::CUfunction,
    shared_bytes: u32,
}

// SAFETY: handles of the driver, which serves all threads.
unsafe impl Send for Module {}

impl Module {
    /// Loads a kernel's code into the current context.
    pub(super) fn load(compiled: &Compiled) -> Result<Self, DriverError> {
        let name = CString::new(compiled.entry.as_str()).expect("names have no zero byte");
        // SAFETY: an image that NVRTC made, with its end inside.
        let module = unsafe { result::module::load_data(compiled.image.as_ptr().cast::<c_void>()) }?;
        // SAFETY: a module that is loaded; without its kernel it is of no use and goes again.
        let function = unsafe {
            result::module::get_function(module, name).inspect_err(|_| {
                let _ = result::module::unload(module);
            })
        }?;
        Ok(Self { module, function, shared_bytes: PLAIN_SHARED })
    }

    /// The kernel, allowed to have so much dynamic shared memory.
    pub(super) fn function(&mut self, shared_bytes: u32) -> Result<sys::CUfunction, DriverError> {
        if shared_bytes > self.shared_bytes {
            // SAFETY: a function that exists.
            unsafe {
                result::function::set_function_attribute(
                    self.function,
                    sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                    shared_bytes as i32,
                )
            }?;
            self.shared_bytes = shared_bytes;
        }
        Ok(self.function)
    }

    /// Takes the code off the device. The context is current and no work of it uses the code.
    pub(super) fn unload(self) {
        // SAFETY: loaded once, unloaded once. An error says that the context is gone, and the code with it.
        let _ = unsafe { result::module::unload(self.module) };
    }
}
