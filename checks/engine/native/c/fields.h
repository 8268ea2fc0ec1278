// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packed states: arrays of words, in which each variable is a field of bits.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t W;
typedef int64_t V;

enum {
	RUNNING, DONE, STOPPED_STATES, STOPPED_MEMORY, STOPPED_INDEX, FIELD_OVERFLOW,
	TEXT_WANTED, /* a place is reached whose text is not written yet */
};

static inline W mask_of(unsigned width)
{
	return width < 64 ? ((W)1 << width) - 1 : ~(W)0;
}

/* The code in the field of `width` bits at a bit offset. */
static inline V get(const W *s, unsigned offset, unsigned width)
{
	unsigned word = offset >> 6, bit = offset & 63;
	W found = s[word] >> bit;

	if (bit + width > 64)
		found |= s[word + 1] << (64 - bit);
	return (V)(found & mask_of(width));
}

static inline void put(W *t, unsigned offset, unsigned width, W code)
{
	unsigned word = offset >> 6, bit = offset & 63;
	W mask = mask_of(width);

	t[word] = (t[word] & ~(mask << bit)) | code << bit;
	if (bit + width > 64)
		t[word + 1] = (t[word + 1] & ~(mask >> (64 - bit))) | code >> (64 - bit);
}

/* An array that grows: room for one more, or 0. */
static inline int roomy(void **array, uint32_t used, uint32_t *room, size_t size)
{
	uint32_t more = *room ? 2 * *room : 64;
	void *made;

	if (used < *room)
		return 1;
	if (more < *room || !(made = realloc(*array, more * size)))
		return 0;
	*array = made;
	*room = more;
	return 1;
}

/* The product of two words has all that they have; its halves are put together. */
static inline W mixed(W one, W two)
{
	unsigned __int128 product = (unsigned __int128)one * two;

	return (W)product ^ (W)(product >> 64);
}

static inline W hash_of(const W *key, unsigned words)
{
	W hash = 0x9e3779b97f4a7c15u;

	for (unsigned i = 0; i < words; i++)
		hash = mixed(key[i] ^ hash, 0xbf58476d1ce4e5b9u);
	return mixed(hash, 0x94d049bb133111ebu);
}

static inline int same(const W *one, const W *two, unsigned words)
{
	W differs = 0;

	for (unsigned i = 0; i < words; i++)
		differs |= one[i] ^ two[i];
	return !differs;
}
