//! After an engine has been made, steps allocate nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tunefork_cpu::{CpuWorkspace, Engine, StepSettings};
use tunefork_graph::optimizer::UpdateRule;
use tunefork_graph::{Activation, Conv, Graph, Plan, Window};
use tunefork_simd::Isa;

/// The system's allocator with a count of its calls, by any thread.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn steps_allocate_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let mut graph = Graph::new(6, [9, 9, 3])?;
    let conv = Conv { channels: 20, kernel: 3, stride: 2, padding: 1, bias: true };
    let projection = Conv { kernel: 1, padding: 0, bias: false, ..conv };
    let x = graph.conv2d(graph.input(), "conv", conv)?;
    let x = graph.batch_norm(x, "norm")?;
    let shortcut = graph.conv2d(graph.input(), "shortcut", projection)?;
    let x = graph.add(x, shortcut)?;
    let x = graph.activation(x, Activation::Tanh)?;
    let x = graph.max_pool(x, Window { kernel: 3, stride: 2, padding: 1 })?;
    let x = graph.group_norm(x, "group", 4)?;
    let x = graph.dropout(x)?;
    let x = graph.global_average_pool(x)?;
    let x = graph.dense(x, "hidden", 40, true)?;
    let x = graph.activation(x, Activation::Relu)?;
    let x = graph.dropout(x)?;
    let x = graph.dense(x, "head", 5, true)?;
    graph.softmax_cross_entropy(x, 5)?;
    let plan = Arc::new(Plan::new(&graph, 4, &CpuWorkspace)?);
    for isa in Isa::available() {
        let mut engine = Engine::new(Arc::clone(&plan), isa, 3)?;
        engine.slab_mut().iter_mut().enumerate().for_each(|(i, value)| *value = (i % 7) as f32 * 0.1);
        for (round, kind) in
            [UpdateRule::ADAM, UpdateRule::SGD, UpdateRule::RMSPROP, UpdateRule::ADAMW].into_iter().enumerate()
        {
            let settings = StepSettings {
                clip_norm: Some(1.0),
                dropout: &[0.1, 0.5],
                step: round as u64,
                ..StepSettings::new(kind)
            };
            let before = CALLS.load(SeqCst);
            engine.train(|input| input.fill(0.5), &[0, 1, 2, 3, 4, 0][..6 - round], &settings)?;
            engine.evaluate(|input| input.fill(0.5), &[1, 2])?;
            assert_eq!(CALLS.load(SeqCst) - before, 0, "{isa}, step {round}");
        }
    }
    Ok(())
}
