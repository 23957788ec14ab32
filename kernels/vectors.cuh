// Tensors streamed 16 bytes at a time: a thread owns a vector of neighbouring channels.
//
// A block of threads covers `groups` vectors side by side and `thread_rows` positions at once (launch/vectors.rs
// chooses both by the shape), so that neighbouring threads read neighbouring bytes, and what belongs to
// channels is the same for all positions of a thread. Where the channels of a position are no multiple
// of 16 bytes, a vector is one value.
#pragma once

template <class T> constexpr int VECTOR = VECTOR_BYTES / sizeof(T);

DEVICE float* shared_floats() {
    SHARED(bytes);
    return (float*)bytes;
}

// ---- values as they are stored

template <class T, int V> struct Packed {
    static_assert(V == VECTOR<T>, "16 bytes, or one value");
    uint4 bits;
};
template <class T> struct Packed<T, 1> { T value; };

template <int V, class T> DEVICE Packed<T, V> fetch(const T* from) {
    if constexpr (V == 1) return {*from};
    else return {*(const uint4*)from};
}

template <class T, int V> DEVICE void put(T* to, Packed<T, V> packed) {
    if constexpr (V == 1) *to = packed.value;
    else *(uint4*)to = packed.bits;
}

template <class T, int V> DEVICE void unpack(Packed<T, V> packed, float (&values)[V]) {
    if constexpr (V == 1) {
        values[0] = load(packed.value);
    } else {
        u32 words[4] = {packed.bits.x, packed.bits.y, packed.bits.z, packed.bits.w};
        UNROLL for (int v = 0; v < V; v++) {
            if constexpr (V == 4) values[v] = f32_of(words[v]);
            else values[v] = load(T{(u16)(words[v / 2] >> (v % 2 * 16))});
        }
    }
}

template <class T, int V> DEVICE Packed<T, V> pack(const float (&values)[V]) {
    Packed<T, V> packed;
    if constexpr (V == 1) {
        store(packed.value, values[0]);
    } else {
        u32 words[4];
        UNROLL for (int w = 0; w < 4; w++) {
            if constexpr (V == 4) {
                words[w] = bits_of(values[w]);
            } else {
                T low, high;
                store(low, values[2 * w]), store(high, values[2 * w + 1]);
                words[w] = low.bits | (u32)high.bits << 16;
            }
        }
        packed.bits = make_uint4(words[0], words[1], words[2], words[3]);
    }
    return packed;
}

// ---- V values of f32, in shared or global memory: 16 bytes aligned where V > 1

template <int V> DEVICE void read(const float* from, float (&values)[V]) {
    if constexpr (V == 1) {
        values[0] = *from;
    } else {
        UNROLL for (int v = 0; v < V; v += 4) {
            float4 four = *(const float4*)(from + v);
            values[v] = four.x, values[v + 1] = four.y, values[v + 2] = four.z, values[v + 3] = four.w;
        }
    }
}

template <int V> DEVICE void write(float* to, const float (&values)[V]) {
    if constexpr (V == 1) {
        *to = values[0];
    } else {
        UNROLL for (int v = 0; v < V; v += 4)
            *(float4*)(to + v) = make_float4(values[v], values[v + 1], values[v + 2], values[v + 3]);
    }
}

// ---- V numbers of 16 bits, aligned as one access

template <int V> DEVICE void read_numbers(const u16* from, u32 (&numbers)[V]) {
    if constexpr (V == 1) {
        numbers[0] = *from;
    } else {
        u32 words[4];
        if constexpr (V == 4) {
            uint2 two = *(const uint2*)from;
            words[0] = two.x, words[1] = two.y;
        } else {
            uint4 four = *(const uint4*)from;
            words[0] = four.x, words[1] = four.y, words[2] = four.z, words[3] = four.w;
        }
        UNROLL for (int v = 0; v < V; v++) numbers[v] = words[v / 2] >> (v % 2 * 16) & 0xffff;
    }
}

template <int V> DEVICE void write_numbers(u16* to, const u32 (&numbers)[V]) {
    if constexpr (V == 1) {
        *to = (u16)numbers[0];
    } else {
        u32 words[V / 2];
        UNROLL for (int w = 0; w < V / 2; w++) words[w] = numbers[2 * w] | numbers[2 * w + 1] << 16;
        if constexpr (V == 4) *(uint2*)to = uint2{words[0], words[1]};
        else *(uint4*)to = make_uint4(words[0], words[1], words[2], words[3]);
    }
}

// ---- sums over the rows of threads of a block, in a fixed tree

// Every thread brings values for its channels; row 0 has the sums afterwards. `buffer` holds
// rows x columns values; `column` is the thread's first. Reached by all threads of the block, none of
// which still reads the buffer.
template <int V> DEVICE void add_thread_rows(float* buffer, u32 row, u32 rows, u32 column, u32 columns, float (&values)[V]) {
    float* mine = buffer + row * columns + column;
    write<V>(mine, values);
    u32 half = 1;
    while (half * 2 < rows) half *= 2;
    for (; half > 0; half /= 2) {
        __syncthreads();
        if (row >= half || row + half >= rows) continue;
        float other[V];
        read<V>(mine + half * columns, other);
        UNROLL for (int v = 0; v < V; v++) values[v] += other[v];
        write<V>(mine, values);
    }
    __syncthreads();
}
