// Statistics of batch norms.
#include "device.cuh"
