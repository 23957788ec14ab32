// Mean and deviation of a batch norm's channels, from the moments that blocks have left of their tiles.
//
// No sum of squares: it loses everything where the mean is large against the deviation. Instead each
// tile of positions gives its mean and its sum of squared deviations (M2), and tiles are merged by
//     mean = mean_a + delta n_b / n,   M2 = M2_a + M2_b + delta^2 n_a n_b / n,   delta = mean_b - mean_a
// (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
// 1979) in a tree that is fixed by the shape, by the last blocks to arrive.
#pragma once

#include "arrivals.cuh"

constexpr float EPSILON = 1e-5f;
constexpr float MOMENTUM = 0.1f;

DEVICE void in_lane(const Lanes& lanes, Statistics& s) {
    in_lane(lanes, s.partials, s.statistics, s.running_mean, s.running_variance, s.by.counters);
}

struct Moments { float count, mean, m2; };

DEVICE void merge(Moments& a, Moments b) {
    if (b.count == 0) return;
    float count = a.count + b.count, share = b.count / count, delta = b.mean - a.mean;
    a.mean = fmaf(delta, share, a.mean);
    a.m2 = fmaf(delta * delta, a.count * share, a.m2 + b.m2);
    a.count = count;
}

// The moments of tiles of one channel, merged: those of a thread one after the other.
DEVICE Moments tiles_of(const Statistics& s, const Adders& by, u32 channel, u32 first, u32 count, u32 stride) {
    Moments all = {0, 0, 0};
    for (u32 i = by.row; i < count; i += by.down) {
        u32 tile = first + i * stride, start = tile * s.per_tile, at = tile * s.channels + channel;
        u32 real = min(s.per_tile * stride, s.positions - start);
        merge(all, {(float)real, s.partials[at], s.partials[s.tiles * s.channels + at]});
    }
    return all;
}

// Those of a block's threads in a tree; the first row of threads has all. Takes three floats of shared memory for each
// thread.
DEVICE void merge_threads(const Adders& by, Moments& all, float* shared) {
    float *counts = shared, *means = counts + blockDim.x, *m2s = means + blockDim.x;
    for (u32 half = first_half(by.down); half > 0; half /= 2) {
        __syncthreads();
        counts[threadIdx.x] = all.count, means[threadIdx.x] = all.mean, m2s[threadIdx.x] = all.m2;
        __syncthreads();
        u32 other = threadIdx.x + half * by.across;
        if (by.row < half && by.row + half < by.down) merge(all, {counts[other], means[other], m2s[other]});
    }
}

DEVICE void write_statistics(const Statistics& s, u32 channel, const Moments& all) {
    float variance = all.m2 / all.count;
    s.statistics[channel] = all.mean;
    s.statistics[s.channels + channel] = 1.0f / sqrtf(variance + EPSILON);
    if (!s.running_mean) return;
    float unbiased = all.count > 1 ? all.m2 / (all.count - 1) : variance;
    s.running_mean[channel] = fmaf(MOMENTUM, all.mean, (1 - MOMENTUM) * s.running_mean[channel]);
    s.running_variance[channel] = fmaf(MOMENTUM, unbiased, (1 - MOMENTUM) * s.running_variance[channel]);
}

// By a block that has left the moments of a tile, channels base to base + width, the block's number `across` of those
// side by side. Shared memory is not used any more.
DEVICE void merge_by_the_last(const Statistics& s, u32 tile, u32 across, u32 base, u32 width, float* shared) {
    u32 tiles = (s.positions + s.per_tile - 1) / s.per_tile;
    width = min(width, s.channels - base);
    add_by_the_last(s.by, across, tile, tiles, [&](u32 first, u32 count, u32 stride, bool all) {
        Adders by = adders(width);
        for (u32 from = 0; from < width; from += by.across) {
            u32 channel = base + from + by.column;
            bool mine = by.row < by.down && from + by.column < width;
            Moments moments = {0, 0, 0};
            if (mine) moments = tiles_of(s, by, channel, first, count, stride);
            merge_threads(by, moments, shared);
            if (!mine || by.row > 0) continue;
            if (all) {
                write_statistics(s, channel, moments);
            } else {
                u32 at = first * s.channels + channel;
                s.partials[at] = moments.mean, s.partials[s.tiles * s.channels + at] = moments.m2;
            }
        }
    });
}
