// What follows a convolution, backward.
#include "device.cuh"
