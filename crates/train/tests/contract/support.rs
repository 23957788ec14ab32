//! A device for one dense layer, written out plainly, that remembers every step it was asked for: what
//! the loop does can be checked without any engine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tunefork_data::{Dataset, Image, Normalisation, Split};
use tunefork_graph::{Graph, GraphError, NoWorkspace, Plan};
use tunefork_nn::{Network, Optimizer, UpdateRule};
use tunefork_rng::{Key, Purpose};
use tunefork_train::{
    At, Batch, Device, Engine, EngineError, Evaluated, ImageSet, Images, StepResult, StepSettings, Task, TrainSpec,
    TrainingStep,
};

/// A step as the engine saw it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Seen {
    pub indices: Vec<u32>,
    pub labels: Vec<u16>,
    pub step: u64,
    pub learning_rate: f64,
    pub weight_decay: f64,
    pub clip_norm: Option<f32>,
    pub label_smoothing: f32,
    pub class_weights: Vec<f32>,
    pub mixing: f32,
    pub dropout: Vec<f32>,
    pub dropout_key: [u32; 2],
    pub threads: usize,
    /// What the step made of the bias.
    pub bias: Vec<f32>,
}

/// Makes [`Linear`] engines that share one list of steps.
pub(crate) struct LinearDevice {
    pub steps: Arc<Mutex<Vec<Seen>>>,
    /// Images of each batch that was evaluated.
    pub evaluated: Arc<Mutex<Vec<usize>>>,
    /// Steps that an engine wants in a call.
    pub chunk: usize,
    /// What a step, or the evaluation of a batch, takes at least.
    pub pause: Duration,
    /// Whether the results of a call come with the next one, as from a device that answers from afar.
    pub is_late: bool,
}

impl Default for LinearDevice {
    fn default() -> Self {
        Self { steps: Arc::default(), evaluated: Arc::default(), chunk: 1, pause: Duration::ZERO, is_late: false }
    }
}

impl Device for LinearDevice {
    fn plan(&self, graph: &Graph, evaluation_batch: usize) -> Result<Plan, GraphError> {
        Plan::new(graph, evaluation_batch, &NoWorkspace)
    }

    fn planned_bytes(&self, plan: &Plan, _: &dyn ImageSet) -> u64 {
        plan.bytes().total()
    }

    fn engine(&self, plan: Arc<Plan>) -> Result<Box<dyn Engine>, EngineError> {
        let slab = vec![0.0; plan.slab.len];
        Ok(Box::new(Linear {
            momentum: slab.clone(),
            input: Vec::new(),
            logits: Vec::new(),
            steps: Arc::clone(&self.steps),
            evaluated: Arc::clone(&self.evaluated),
            chunk: self.chunk,
            pause: self.pause,
            late: self.is_late.then(Vec::new),
            threads: 1,
            slab,
            plan,
        }))
    }
}

/// Softmax regression trained by gradient descent with momentum 0.9.
struct Linear {
    plan: Arc<Plan>,
    slab: Vec<f32>,
    momentum: Vec<f32>,
    input: Vec<f32>,
    logits: Vec<f32>,
    steps: Arc<Mutex<Vec<Seen>>>,
    evaluated: Arc<Mutex<Vec<usize>>>,
    chunk: usize,
    pause: Duration,
    /// Results that come later, if they do.
    late: Option<Vec<StepResult>>,
    threads: usize,
}

impl Linear {
    /// Loss sum and, in `logits`, the gradient of the mean loss by each logit or the logits themselves.
    fn forward(&mut self, batch: &Batch<'_>, gradient: bool) -> (f64, u32) {
        let (classes, pixels) = (self.plan.classes, self.plan.image.elements());
        self.input.resize(batch.rows() * pixels, 0.0);
        batch.fill(&mut self.input);
        self.logits.resize(batch.rows() * classes, 0.0);
        let [weight, bias] = [0, 1].map(|i| self.plan.slab.parameters[i].offset);
        let (mut loss, mut correct) = (0.0, 0);
        for (row, &label) in batch.labels().iter().enumerate() {
            let x = &self.input[row * pixels..][..pixels];
            let logits = &mut self.logits[row * classes..][..classes];
            for (class, logit) in logits.iter_mut().enumerate() {
                let product = |(i, x): (usize, &f32)| x * self.slab[weight + i * classes + class];
                *logit = self.slab[bias + class] + x.iter().enumerate().map(product).sum::<f32>();
            }
            let sum: f64 = logits.iter().map(|logit| libm::exp(f64::from(*logit))).sum();
            loss += libm::log(sum) - f64::from(logits[usize::from(label)]);
            correct += u32::from(logits.iter().all(|logit| *logit <= logits[usize::from(label)]));
            if gradient {
                for (class, logit) in logits.iter_mut().enumerate() {
                    let target = f64::from(u8::from(class == usize::from(label)));
                    *logit = ((libm::exp(f64::from(*logit)) / sum - target) / batch.labels().len() as f64) as f32;
                }
            }
        }
        (loss, correct)
    }

    fn update(&mut self, learning_rate: f32) {
        let (classes, pixels) = (self.plan.classes, self.plan.image.elements());
        let [weight, bias] = [0, 1].map(|i| self.plan.slab.parameters[i].offset);
        let mut gradient = vec![0.0; self.slab.len()];
        for (x, g) in self.input.chunks_exact(pixels).zip(self.logits.chunks_exact(classes)) {
            for (class, g) in g.iter().enumerate() {
                gradient[bias + class] += g;
                for (i, x) in x.iter().enumerate() {
                    gradient[weight + i * classes + class] += g * x;
                }
            }
        }
        for ((p, m), g) in self.slab.iter_mut().zip(&mut self.momentum).zip(gradient) {
            *m = 0.9 * *m + g;
            *p -= learning_rate * *m;
        }
    }
}

impl Linear {
    fn step(&mut self, batch: &Batch<'_>, settings: &StepSettings<'_>) -> StepResult {
        std::thread::sleep(self.pause);
        let (loss_sum, correct) = self.forward(batch, true);
        self.update(settings.learning_rate as f32);
        self.steps.lock().unwrap().push(Seen {
            indices: batch.indices().to_vec(),
            labels: batch.labels().to_vec(),
            step: settings.step,
            learning_rate: settings.learning_rate,
            weight_decay: settings.weight_decay,
            clip_norm: settings.clip_norm,
            label_smoothing: settings.label_smoothing,
            class_weights: settings.class_weights.to_vec(),
            mixing: settings.mixing,
            dropout: settings.dropout.to_vec(),
            dropout_key: settings.dropout_key,
            threads: self.threads,
            bias: self.slab[self.plan.slab.parameters[1].range()].to_vec(),
        });
        StepResult { loss_sum, correct, ..StepResult::default() }
    }
}

impl Engine for Linear {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn chunk(&self) -> usize {
        self.chunk
    }

    fn set_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    fn train(&mut self, steps: &[TrainingStep<'_>], results: &mut [StepResult]) -> Result<(), EngineError> {
        assert_eq!(steps.len(), results.len());
        assert!(steps.len() <= self.chunk);
        for (step, result) in steps.iter().zip(results) {
            *result = self.step(&step.batch, &step.settings);
        }
        Ok(())
    }

    fn train_ahead(&mut self, steps: &[TrainingStep<'_>], results: &mut Vec<StepResult>) -> Result<(), EngineError> {
        let mut found = vec![StepResult::default(); steps.len()];
        self.train(steps, &mut found)?;
        results.append(self.late.as_mut().unwrap_or(&mut found));
        self.late.as_mut().into_iter().for_each(|late| *late = std::mem::take(&mut found));
        Ok(())
    }

    fn catch_up(&mut self, results: &mut Vec<StepResult>) -> Result<(), EngineError> {
        self.late.as_mut().into_iter().for_each(|late| results.append(late));
        Ok(())
    }

    fn evaluate(
        &mut self,
        batches: &[Batch<'_>],
        tell: &mut dyn FnMut(&Batch<'_>, Evaluated<'_>),
    ) -> Result<(), EngineError> {
        assert!(self.late.as_ref().is_none_or(Vec::is_empty), "it has caught up");
        assert!(batches.len() <= self.chunk);
        for batch in batches {
            assert!(batch.rows() <= self.plan.evaluation.batch);
            std::thread::sleep(self.pause);
            self.evaluated.lock().unwrap().push(batch.rows());
            let (loss_sum, correct) = self.forward(batch, false);
            let logits = &self.logits;
            tell(batch, Evaluated { loss_sum, correct, logits });
        }
        Ok(())
    }

    fn read_slab(&self, slab: &mut [f32]) -> Result<(), EngineError> {
        slab.copy_from_slice(&self.slab);
        Ok(())
    }

    fn write_slab(&mut self, slab: &[f32]) -> Result<(), EngineError> {
        self.slab.copy_from_slice(slab);
        Ok(())
    }

    fn read_optimizer(&self, state: &mut [f32]) -> Result<(), EngineError> {
        state.copy_from_slice(&self.momentum);
        Ok(())
    }

    fn write_optimizer(&mut self, state: &[f32]) -> Result<(), EngineError> {
        self.momentum.copy_from_slice(state);
        Ok(())
    }

    fn optimizer_len(&self) -> usize {
        self.momentum.len()
    }
}

/// Images of 2x3 grey pixels in three classes; the class is the column that is brighter by far, in four
/// of five images.
pub(crate) fn stripes(images: usize) -> Images {
    let mut stream = Key::study(11).stream(Purpose::Generate);
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for image in 0..images {
        let class = image % 3;
        let shown = if stream.below(5) == 0 { stream.below(3) as usize } else { class };
        labels.push(class as u16);
        pixels.extend((0..6).map(|i| stream.below(120) as u8 + if i % 3 == shown { 100 } else { 0 }));
    }
    let classes = ["left", "middle", "right"].map(String::from).to_vec();
    let shape = Image::new(2, 3, 1);
    let data = Dataset::from_memory(shape, classes, [images, 0, 0], labels, pixels).unwrap();
    Images { data: Arc::new(data), normalisation: Normalisation::new(&[0.4], &[0.3]).unwrap() }
}

/// A classifier of stripes: 100 images to train on in batches of 16, 50 to validate, 30 to test.
pub(crate) fn task(learning_rate: f64) -> Task {
    let optimizer = Optimizer::new(UpdateRule::momentum(0.9, false), learning_rate);
    Task {
        network: Network::new(Image::new(2, 3, 1), 3),
        spec: TrainSpec { epochs: 4, batch_size: 16, ..TrainSpec::new(optimizer) },
        images: stripes(180),
        split: Arc::new(Split {
            train: (0..100).collect(),
            validation: (100..150).collect(),
            test: (150..180).collect(),
        }),
        key: Key::study(5).trial(2),
    }
}

/// A learning rate so high that the value jumps up and down.
pub(crate) fn jumpy(at: At) -> Task {
    let mut task = task(40.0);
    task.spec = TrainSpec { epochs: 12, at, ..task.spec };
    task
}
