//! The sets that are known, with what their publishers say of them.
//!
//! Digests are those of the lists `url_checksums` of TensorFlow Datasets, which name the same files.
//! Those of Fashion-MNIST were also computed from files whose MD5 is the one that Zalando publishes.
//! Stanford publishes no digest of Tiny ImageNet: several projects that use the archive of this length
//! (248,100,043 bytes, MD5 90528d7ca1a48142e341f4ef8d21d0de) have pinned the same one independently.
//! GoMLX pins the one of the archive of cats and dogs.

use crate::known::{KnownFile, KnownSet};

/// The older address, the second, redirects to the newer by way of http, which is refused here.
const CIFAR_ADDRESSES: [&str; 2] = ["https://cave.cs.toronto.edu/kriz/", "https://www.cs.toronto.edu/~kriz/"];

/// A file with its length in bytes and the SHA-256 that TensorFlow Datasets publishes.
const fn file(name: &'static str, length: u64, sha256: &'static str) -> KnownFile {
    KnownFile { name, kept_as: None, length, sha256, published_by: "TensorFlow Datasets" }
}

const MNIST: [KnownFile; 4] = [
    file("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    file("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    file("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    file("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
];
const FASHION_MNIST: [KnownFile; 4] = [
    file("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    file("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    file("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    file("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
];
const CIFAR10: [KnownFile; 1] =
    [file("cifar-10-binary.tar.gz", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")];
const CIFAR100: [KnownFile; 1] =
    [file("cifar-100-binary.tar.gz", 168_513_733, "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec")];
const FLOWERS: [KnownFile; 1] =
    [file("flower_photos.tgz", 228_813_984, "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c")];

/// Every set that is known by name.
pub static CATALOGUE: &[KnownSet] = &[
    KnownSet {
        name: "mnist",
        about: "70,000 grey images of digits, 28x28, 10 classes",
        licence: "none stated by the publisher",
        page: "http://yann.lecun.com/exdb/mnist/",
        folder: "mnist",
        // The publisher's own server does not give the files to everyone any more.
        addresses: &[
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
        files: &MNIST,
    },
    KnownSet {
        name: "fashion-mnist",
        about: "70,000 grey images of clothes, 28x28, 10 classes",
        licence: "MIT",
        page: "https://github.com/zalandoresearch/fashion-mnist",
        folder: "fashion-mnist",
        addresses: &[
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ],
        files: &FASHION_MNIST,
    },
    KnownSet {
        name: "cifar10",
        about: "60,000 colour images, 32x32, 10 classes",
        licence: "none stated by the publisher, who asks to cite the report",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        folder: "",
        addresses: &CIFAR_ADDRESSES,
        files: &CIFAR10,
    },
    KnownSet {
        name: "cifar100",
        about: "60,000 colour images, 32x32, 100 classes",
        licence: "none stated by the publisher, who asks to cite the report",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        folder: "",
        addresses: &CIFAR_ADDRESSES,
        files: &CIFAR100,
    },
    KnownSet {
        name: "tiny-imagenet",
        about: "110,000 colour images with labels, 64x64, 200 classes",
        licence: "none stated; a part of ImageNet, whose terms allow research and education",
        page: "https://cs231n.stanford.edu/",
        folder: "",
        addresses: &["https://cs231n.stanford.edu/"],
        files: &[KnownFile {
            name: "tiny-imagenet-200.zip",
            kept_as: None,
            length: 248_100_043,
            sha256: "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
            published_by: "several projects that use it, not by Stanford",
        }],
    },
    KnownSet {
        name: "flowers",
        about: "3,670 colour photos, 5 classes",
        licence: "CC BY, authors in the archive's LICENSE.txt",
        page: "https://www.tensorflow.org/datasets/catalog/tf_flowers",
        folder: "",
        addresses: &[
            "https://storage.googleapis.com/download.tensorflow.org/example_images/",
            "http://download.tensorflow.org/example_images/",
        ],
        files: &FLOWERS,
    },
    KnownSet {
        name: "cats-dogs",
        about: "25,000 colour photos, 2 classes",
        licence: "the terms of the publisher's page",
        page: "https://www.microsoft.com/en-us/download/details.aspx?id=54765",
        folder: "",
        // The file's own address has changed before, and its terms are agreed to on the page.
        addresses: &[],
        files: &[KnownFile {
            name: "kagglecatsanddogs_5340.zip",
            kept_as: Some("cats-dogs.zip"),
            length: 824_887_076,
            sha256: "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
            published_by: "GoMLX",
        }],
    },
];
