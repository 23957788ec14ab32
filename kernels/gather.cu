// The first launch of a step: takes the step's numbers from a table, and collects the images of its batch from the
// data set that lies in device memory as bytes, changed at random and mixed with each other where the step says so.
//
// There are only 256 bytes, so what a byte becomes is looked up in a table for each channel, made on the
// host: every engine starts from the same numbers. What happens to an image is drawn on the host too;
// positions are in units of 1/65536 pixel and weights in whole numbers, so that every engine finds the
// same values (crates/data/src/augment/transform.rs does the same on the host). A thread makes four
// neighbouring values; neighbours may belong to two images, so each finds its own.
//
// A captured graph has its arguments fixed, so what changes from step to step has to come from memory.
// The host writes the rows of many steps ahead; this launch copies the next one to the place where all
// launches behind it look for it. Behind the last row there is a step without images, in which nothing happens:
// lanes with fewer steps wait so for the others.
#include "device.cuh"
#include "arrivals.cuh"

enum { PIXEL = 1 << 16 };

struct Batch {
    const u8* images;
    const u32* indices;
    const float* tables;
    const Transform* transforms;
    GatherCounts counts;
    Frame frame;
    bool changed;
};

// The byte at a place of an image; black outside.
DEVICE u32 byte_at(const u8* image, Frame frame, int x, int y, u32 channel) {
    // Negative places become large ones.
    if ((u32)x >= frame.width.divisor || (u32)y >= frame.height) return 0;
    return image[((u32)y * frame.width.divisor + (u32)x) * frame.channels.divisor + channel];
}

// The value at (x, y) of a changed image.
DEVICE float changed_value(const u8* image, const float* table, Transform t, Frame frame, u32 x, u32 y,
                           u32 channel) {
    if (y >= t.erased[0] && y < t.erased[1] && x >= t.erased[2] && x < t.erased[3]) return 0;
    int column = t.column[0] * (int)x + t.column[1] * (int)y + t.column[2];
    int row = t.row[0] * (int)x + t.row[1] * (int)y + t.row[2];
    int left = column >> 16, top = row >> 16;
    float black = table[0], white = table[255], value;
    if (((column | row) & (PIXEL - 1)) == 0) {
        value = table[byte_at(image, frame, left, top, channel)];
    } else {
        u32 right = (column & (PIXEL - 1)) >> 8, down = (row & (PIXEL - 1)) >> 8;
        u32 sum = byte_at(image, frame, left, top, channel) * (256 - right) * (256 - down) +
                  byte_at(image, frame, left + 1, top, channel) * right * (256 - down) +
                  byte_at(image, frame, left, top + 1, channel) * (256 - right) * down +
                  byte_at(image, frame, left + 1, top + 1, channel) * right * down;
        float unit = multiply_rounded(add_rounded(white, -black), 1.0f / 16711680.0f);
        value = add_rounded(black, multiply_rounded((float)sum, unit));
    }
    if (t.gain == 1 && t.offset == 0) return value;
    float offset = multiply_rounded(t.offset, add_rounded(white, -black));
    value = add_rounded(multiply_rounded(value, t.gain), offset);
    return value < black ? black : value > white ? white : value;
}

// The value at a place of the image that stands at `entry` of the list.
DEVICE float value_of(const Batch& batch, u32 entry, u32 place) {
    const GatherCounts& counts = batch.counts;
    const Frame& frame = batch.frame;
    u32 number = batch.indices[entry < counts.indices ? entry : counts.indices - 1];
    number = number < counts.images ? number : counts.images - 1;
    const u8* image = batch.images + (u64)number * frame.image.divisor;
    u32 pixel = divide(place, frame.channels), channel = place - pixel * frame.channels.divisor;
    const float* table = batch.tables + channel * 256;
    if (!batch.changed) return table[image[place]];
    u32 y = divide(pixel, frame.width), x = pixel - y * frame.width.divisor;
    u32 change = entry < counts.transforms ? entry : counts.transforms - 1;
    return changed_value(image, table, batch.transforms[change], frame, x, y, channel);
}

// The batch's images, four values a thread.
template <class T>
DEVICE void collect(const StepRow* step, const Batch& batch, T* out) {
    u32 image = batch.frame.image.divisor, rows = step->rows;
    u32 start = (blockIdx.x * blockDim.x + threadIdx.x) * GATHER_VALUES, count = rows * image;
    float share = step->mixing;
    UNROLL for (u32 i = 0; i < GATHER_VALUES; i++) {
        u32 e = start + i;
        if (e >= count) return;
        u32 row = divide(e, batch.frame.image), place = e - row * image;
        float value = value_of(batch, step->first + row, place);
        if (share > 0) {
            u32 next = row + 1 == rows ? 0 : row + 1;
            float other = value_of(batch, step->first + next, place);
            value = add_rounded(multiply_rounded(1 - share, value), multiply_rounded(share, other));
        }
        store(out[e], value);
    }
}

// The next row of the table, [steps][words], or null behind the last one. The launch's last block to arrive, when nobody
// needs the old numbers any more, leaves the row for the launches behind and goes on in the table.
struct Table {
    const u32* rows;
    Progress* progress;
    u32* row;
    u32 words;
};

DEVICE const StepRow* next_step(const Table& table) {
    u32 next = table.progress->next;
    return next < table.progress->steps ? (const StepRow*)(table.rows + (u64)next * table.words) : nullptr;
}

DEVICE void go_on(const Table& table, const StepRow* step, u32* counter) {
    if (!comes_last(counter, gridDim.x)) return;
    for (u32 word = threadIdx.x; word < table.words; word += blockDim.x) table.row[word] = step ? ((const u32*)step)[word] : 0;
    if (threadIdx.x == 0 && step) table.progress->next++;
}

// Images and tables of numbers may lie elsewhere than a trial's memory: they have lanes of their own.
template <class T>
GLOBAL(STREAM_THREADS) gather(CONSTANT Lanes lanes, CONSTANT Lanes image_lanes, CONSTANT Lanes table_lanes, const u32* rows,
                              Progress* progress, u32* row, u32 words, u32* counter, const u8* images, const u32* indices,
                              const float* tables, const Transform* transforms, T* out, GatherCounts counts, Frame frame) {
    begin(lanes, rows, progress, row, counter, indices, transforms, out);
    in_lane(image_lanes, images), in_lane(table_lanes, tables);
    Table table = {rows, progress, row, words};
    const StepRow* step = next_step(table);
    if (step) collect<T>(step, {images, indices, tables, transforms, counts, frame, step->changed != 0}, out);
    go_on(table, step, counter);
}

// ---- the kernels by their names

BLOCKS_OF(STREAM_THREADS)
INSTANCE(gather_f32, gather<float>)
INSTANCE(gather_f16, gather<f16>)
INSTANCE(gather_bf16, gather<bf16>)
