// What the kernels of a block share.
#pragma once
