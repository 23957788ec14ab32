//! What the launches of the reports' networks ask for, by a stream that runs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tunefork_emulator::{Asked, Probe};
use tunefork_gpu_check::work::visit;
use tunefork_kernels::{Precision, Stream};

/// The most shared memory that any launch of the reports' networks asks for, by kernel and architecture: sm_75 runs fewer stages than
/// later ones.
pub(crate) fn shared_bytes(architectures: &[u32]) -> BTreeMap<&'static str, BTreeMap<u32, u32>> {
    let mut most = BTreeMap::new();
    for &architecture in architectures {
        for precision in Precision::of_architecture(architecture) {
            let probe = Probe::new(architecture);
            let stream: Arc<dyn Stream> = Arc::clone(&probe) as _;
            visit(&stream, precision, &mut |_, launch| launch()).expect("nothing fails here");
            for Asked { kernel, shared_bytes: bytes, .. } in probe.take() {
                let on: &mut BTreeMap<u32, u32> = most.entry(kernel).or_default();
                let most = on.entry(architecture).or_insert(bytes);
                *most = bytes.max(*most);
            }
        }
    }
    most
}
