//! A compiled source on the device, and its kernels.

use std::collections::HashMap;
use std::ffi::{CString, c_void};

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys;

/// Dynamic shared memory that a kernel gets without asking for more.
const PLAIN_SHARED: u32 = 48 * 1024;

/// Loaded code. Belongs to the context that was current when it was loaded.
pub(super) struct Module {
    module: sys::CUmodule,
    functions: HashMap<&'static str, Function>,
}

#[derive(Clone, Copy)]
struct Function {
    handle: sys::CUfunction,
    shared_bytes: u32,
}

// SAFETY: handles of the driver, which serves all threads.
unsafe impl Send for Module {}

impl Module {
    /// Loads a cubin, or PTX with a zero byte behind it, into the current context.
    pub(super) fn load(image: &[u8]) -> Result<Self, DriverError> {
        // SAFETY: an image that NVRTC made, with its end inside.
        let module = unsafe { result::module::load_data(image.as_ptr().cast::<c_void>()) }?;
        Ok(Self {
            module,
            functions: HashMap::new(),
        })
    }

    /// A kernel, allowed to have so much dynamic shared memory.
    pub(super) fn function(
        &mut self,
        name: &'static str,
        shared_bytes: u32,
    ) -> Result<sys::CUfunction, DriverError> {
        let mut function = match self.functions.get(name) {
            Some(function) => *function,
            None => Function {
                // SAFETY: a module that is loaded.
                handle: unsafe {
                    result::module::get_function(
                        self.module,
                        CString::new(name).expect("names have no zero byte"),
                    )
                }?,
                shared_bytes: PLAIN_SHARED,
            },
        };
        if shared_bytes > function.shared_bytes {
            // SAFETY: a function that exists.
            unsafe {
                result::function::set_function_attribute(
                    function.handle,
                    sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                    shared_bytes as i32,
                )
            }?;
            function.shared_bytes = shared_bytes;
        }
        self.functions.insert(name, function);
        Ok(function.handle)
    }

    /// Takes the code off the device. The context is current and no work of it uses the code.
    pub(super) fn unload(self) {
        // SAFETY: loaded once, unloaded once. An error says that the context is gone, and the code with it.
        let _ = unsafe { result::module::unload(self.module) };
    }
}
