// The first launch of a captured step: takes the step's numbers from a table.
//
// A captured graph has its arguments fixed, so what changes from step to step has to come from memory.
// The host writes the rows of many steps ahead; each run of the graph copies the next one to the place
// where all kernels of the step look for it.
#include "device.cuh"

KERNEL(BEGIN_THREADS) step_begin(const u32* table, u32* counter, u32* row, u32 words, u32 rows) {
    // Everybody reads the counter before the first thread changes it.
    u32 number = *counter;
    __syncthreads();
    u32 from = number < rows ? number : rows - 1;
    for (u32 word = threadIdx.x; word < words; word += blockDim.x) row[word] = table[(u64)from * words + word];
    if (threadIdx.x == 0) *counter = number + 1;
}
EXPORT(step_begin)
