// The images of a batch, collected from the data set that lies in device memory as bytes.
//
// There are only 256 bytes, so what a byte becomes is looked up in a table for each channel, made on the
// host: every engine starts from the same numbers. A thread makes four neighbouring values; neighbours
// may belong to two images, so each finds its own.
#include "device.cuh"

// How many images, how many numbers in the list: what a number from device memory must not pass.
struct Counts { u32 images, indices; };

template <class T>
DEVICE void gather(const StepRow* step, const u8* images, const u32* indices, const float* tables, T* out,
                   Counts counts, Divisor image, Divisor channels) {
    u32 start = (blockIdx.x * blockDim.x + threadIdx.x) * 4, count = step->rows * image.divisor;
    UNROLL for (u32 i = 0; i < 4; i++) {
        u32 e = start + i;
        if (e >= count) return;
        u32 row = divide(e, image), place = e - row * image.divisor;
        u32 entry = step->first + row;
        u32 number = indices[entry < counts.indices ? entry : counts.indices - 1];
        number = number < counts.images ? number : counts.images - 1;
        // Augmentation goes here: from where in the image the value is taken, and whether it is mirrored.
        u32 from = place;
        u32 channel = from - divide(from, channels) * channels.divisor;
        store(out[e], tables[channel * 256 + images[(u64)number * image.divisor + from]]);
    }
}

#define INSTANCE(T)                                                                                          \
    KERNEL(256) gather_##T(const StepRow* step, const u8* images, const u32* indices, const float* tables,   \
                           T* out, u32 image_count, u32 index_count, Divisor image, Divisor channels) {      \
        gather<T>(step, images, indices, tables, out, {image_count, index_count}, image, channels);          \
    }                                                                                                        \
    EXPORT(gather_##T)

typedef float f32;
INSTANCE(f32)
INSTANCE(f16)
INSTANCE(bf16)
