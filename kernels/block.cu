// What follows a convolution, forward.
#include "device.cuh"
