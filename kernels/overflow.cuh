// Gradients that are not finite, noted where they are stored.
//
// In f16 the loss is scaled so that small gradients are not lost; a scale that is too large makes infinities. Such a
// step updates nothing, and the scale is halved. The loss clears the note, whoever stores the gradient of a parameter
// makes one, the update reads it: no launch reads the gradients once more to search them. Parts of sums are not looked at,
// only the sums; nor is the bias of a dense layer, which is not finite only where its weights' gradient is not either. Many
// may make the note at once: it is one bit, and an OR has no order.
#pragma once

DEVICE bool is_finite(float x) { return (bits_of(x) & 0x7f800000u) != 0x7f800000u; }

// Where values are stored as T: whether the loss is scaled.
template <class T> constexpr bool SCALED = false;
template <> constexpr bool SCALED<f16> = true;

// Where the note is. Without a scale nobody goes there.
template <class T> struct Watch { LossScale* loss_scale; };

template <class T> DEVICE void see(Watch<T> watch, float gradient) {
    if constexpr (SCALED<T>)
        if (!is_finite(gradient)) atomicOr(&watch.loss_scale->overflowed, 1u);
}

// The first `count` of four neighbours.
template <class T> DEVICE void see(Watch<T> watch, float4 gradients, u32 count) {
    if constexpr (SCALED<T>) {
        if (count > 0) see(watch, gradients.x);
        if (count > 1) see(watch, gradients.y);
        if (count > 2) see(watch, gradients.z);
        if (count > 3) see(watch, gradients.w);
    }
}

// Takes its note to the lane of the block.
template <class T> DEVICE void in_lane(const Lanes& lanes, Watch<T>& watch) {
    if constexpr (SCALED<T>) in_lane(lanes, watch.loss_scale);
}
