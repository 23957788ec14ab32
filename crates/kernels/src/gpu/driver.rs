//! Looking for a driver and a card, with a sentence for each way in which that can fail.
//!
//! cudarc panics where the driver's library or one of its functions is missing, so both are looked
//! up before it is asked, and what could still panic is caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use cudarc::driver::CudaContext;
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUresult};

use super::CardProperties;
use crate::DeviceError;

/// Oldest major version of CUDA that a driver must know: code of NVRTC 12 is unknown to older ones.
const OLDEST_DRIVER: u32 = 12;
/// Lowest compute capability times ten: the first with the tensor cores and instructions that we use.
const OLDEST_CARD: u32 = 75;

/// Functions that came to the driver last, of those that we call.
const FUNCTIONS: &[&str] =
    &["cuInit", "cuDriverGetVersion", "cuCtxCreate_v3", "cuGraphInstantiateWithFlags", "cuGraphUpload"];

fn unavailable<T>(sentence: impl Into<String>) -> Result<T, DeviceError> {
    Err(DeviceError::Unavailable(sentence.into()))
}

/// Runs something that must not panic, and if it does, says what it panicked with.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, DeviceError>) -> Result<T, DeviceError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        unavailable(format!("the NVIDIA driver cannot be used: {}", text.unwrap_or_else(|| "unknown reason".into())))
    })
}

/// Whether this machine has an NVIDIA driver at all, of whatever age: where it has, somebody expects a GPU to be used.
pub fn driver_is_installed() -> bool {
    // SAFETY: loading the driver's library runs nothing but its own initialisation.
    unsafe { sys::is_culib_present() }
}

pub(super) fn first_card() -> Result<CardProperties, DeviceError> {
    if !driver_is_installed() {
        let name = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
        return unavailable(format!(
            "no NVIDIA driver found ({name} cannot be loaded): install the driver, and in a container let it see the GPU"
        ));
    }
    guarded(|| {
        for function in FUNCTIONS {
            // SAFETY: the library is there; the symbol is only looked for.
            let found = unsafe { sys::culib().get::<*const ()>(format!("{function}\0").as_bytes()).is_ok() };
            if !found {
                return unavailable(format!(
                    "the NVIDIA driver is too old (it has no {function}): update it to one for CUDA {OLDEST_DRIVER} or newer"
                ));
            }
        }
        let driver = version().map_err(refused)?;
        if driver.0 < OLDEST_DRIVER {
            return unavailable(format!(
                "the NVIDIA driver is too old (it knows CUDA {}.{}): update it to one for CUDA {OLDEST_DRIVER} or newer",
                driver.0, driver.1
            ));
        }
        result::init().map_err(refused)?;
        choose(driver)
    })
}

/// The newest CUDA that the driver knows, major and minor.
pub(super) fn version() -> Result<(u32, u32), DriverError> {
    let mut version = 0;
    // SAFETY: the place exists.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result()?;
    Ok((version as u32 / 1000, version as u32 % 1000 / 10))
}

fn choose(driver: (u32, u32)) -> Result<CardProperties, DeviceError> {
    let count = result::device::get_count().map_err(refused)?;
    let mut too_old = None;
    for number in 0..count.unsigned_abs() as usize {
        let card = card(number, driver).map_err(refused)?;
        if card.architecture >= OLDEST_CARD {
            return Ok(card);
        }
        too_old.get_or_insert(card);
    }
    match too_old {
        None => unavailable(NO_DEVICE),
        Some(card) => {
            unavailable(format!("{card} is too old: compute capability 7.5 or newer is needed (Turing, 2018)"))
        }
    }
}

const NO_DEVICE: &str = "the NVIDIA driver sees no GPU: look at what `nvidia-smi` lists and at CUDA_VISIBLE_DEVICES";

fn card(number: usize, driver: (u32, u32)) -> Result<CardProperties, DriverError> {
    let device = result::device::get(number as i32)?;
    let attribute = |attribute| {
        // SAFETY: a device that exists.
        unsafe { result::device::get_attribute(device, attribute) }.map(i32::unsigned_abs)
    };
    let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    Ok(CardProperties {
        name: result::device::get_name(device)?,
        number,
        architecture: major * 10 + minor,
        multiprocessors: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
        shared_bytes: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
        driver,
    })
}

/// A context of our own rather than the one that all libraries of a process share: no other library changes what is set for it.
pub(super) fn context(card: &CardProperties) -> Result<Arc<CudaContext>, DeviceError> {
    // A thread that waits for the device sleeps, because there is one that prepares data.
    let flags = sys::CUctx_flags::CU_CTX_SCHED_BLOCKING_SYNC as u32;
    let context = CudaContext::new_non_primary(card.number, flags).map_err(|error| match error.0 {
        CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE | CUresult::CUDA_ERROR_INVALID_DEVICE => {
            DeviceError::Unavailable(format!(
                "{card} cannot be used now ({}): another process may hold it alone (see `nvidia-smi`, compute mode)",
                name(error)
            ))
        }
        _ => unusable(&format!("starting on {card}"), error),
    })?;
    // SAFETY: each stream's memory is used by work of that stream only, and freed after it.
    unsafe { context.disable_event_tracking() };
    Ok(context)
}

/// A driver's error while a first context is made with all that it needs.
pub(super) fn unusable(doing: &str, error: DriverError) -> DeviceError {
    match error.0 {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => DeviceError::OutOfMemory(format!(
            "{}, while {doing}: other processes may hold it (see `nvidia-smi`)",
            name(error)
        )),
        _ => refused(error),
    }
}

/// A driver's error before there is anything to work with.
fn refused(error: DriverError) -> DeviceError {
    DeviceError::Unavailable(match error.0 {
        CUresult::CUDA_ERROR_NO_DEVICE => NO_DEVICE.into(),
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH | CUresult::CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE => {
            "the NVIDIA driver's library and its kernel module do not fit together: restart the machine after an \
             update of the driver"
                .into()
        }
        CUresult::CUDA_ERROR_STUB_LIBRARY => {
            "the library found for the NVIDIA driver is the toolkit's stub: install the driver, or take the folder \
             `stubs` out of the library path"
                .into()
        }
        _ => format!("the NVIDIA driver cannot be started: {}", name(error)),
    })
}

/// What the driver calls an error, and how it explains it.
pub(super) fn name(error: DriverError) -> String {
    let text = |text: Result<&std::ffi::CStr, DriverError>| text.ok().map(|text| text.to_string_lossy().into_owned());
    match (text(error.error_string()), text(error.error_name())) {
        (Some(string), Some(name)) => format!("{string} ({name})"),
        _ => format!("error {}", error.0 as u32),
    }
}
