// SPDX-License-Identifier: GPL-2.0-only
/*
 * The states that were found: their keys in a queue, their numbers in a hash table.
 *
 * Both are looked at in no order, so what a look costs is the memory: a table is made of buckets of
 * one cache line, and what is large is in huge pages.
 */
#pragma once

#include <sys/mman.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "explorer.h"

#define LARGE ((W)4 << 20)   /* bytes from which huge pages are worth it */

static W used_bytes(const struct explorer *x)
{
	return x->queue_room * (8 * x->words + 4) + x->buckets * sizeof(struct bucket) +
	       x->leaf_bytes;
}

/* Whether `more` bytes may be taken; if not, the search stops. */
static int may_grow(struct explorer *x, W more)
{
	if (used_bytes(x) + more <= x->max_bytes)
		return 1;
	x->ran_out = STOPPED_MEMORY;
	return 0;
}

/* -- memory ----------------------------------------------------------------------------------- */

static void in_huge_pages(void *area, W bytes)
{
#ifdef MADV_HUGEPAGE
	madvise(area, bytes, MADV_HUGEPAGE); /* where there are none, others do */
#else
	(void)area, (void)bytes;
#endif
}

/* Room for that many bytes, or for fewer, of which those are taken that are written to. */
static void *reserve(W *bytes)
{
	for (; *bytes >= 4096; *bytes /= 2) {
		void *area = mmap(NULL, *bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (area != MAP_FAILED)
			return area;
	}
	return NULL;
}

static void give_back(void *area, W bytes)
{
	if (area)
		munmap(area, bytes);
}

/* -- the table -------------------------------------------------------------------------------- */

static inline struct bucket *bucket_of(const struct explorer *x, W hash)
{
	return &x->table[hash & (x->buckets - 1)];
}

static inline struct bucket *next_bucket(const struct explorer *x, struct bucket *b)
{
	return ++b == x->table + x->buckets ? x->table : b;
}

static inline uint8_t tag_of(W hash)
{
	uint8_t tag = (uint8_t)(hash >> 56);

	return tag ? tag : 1;
}

/* A bit for each slot whose tag is this one; without SSE2 more may be set above the first. */
static inline unsigned tags_like(const struct bucket *b, uint8_t tag)
{
#ifdef __SSE2__
	const __m128i all = _mm_load_si128((const __m128i *)b->tag);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8((char)tag))) & ALL_SLOTS;
#else
	const W ones = 0x0101010101010101u, bits = 0x0102040810204080u;
	unsigned found = 0;

	for (unsigned half = 0; half < 2; half++) {
		W all;

		memcpy(&all, b->tag + 8 * half, sizeof(all));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		all = __builtin_bswap64(all);
#endif
		all ^= ones * tag;
		all = (all - ones) & ~all & ones << 7;
		found |= (unsigned)((all >> 7) * bits >> 56) << 8 * half;
	}
	return found & ALL_SLOTS;
#endif
}

static inline unsigned first_of(unsigned bits)
{
	return (unsigned)__builtin_ctz(bits);
}

static inline int is_full(const struct bucket *b)
{
	return b->tag[SLOTS - 1] != 0;
}

static inline void put_into(struct bucket *b, W hash, uint32_t number)
{
	unsigned at = first_of(tags_like(b, 0));

	b->tag[at] = tag_of(hash);
	b->number[at] = number + 1;
}

/* Put a state that is not there into the table. */
static inline void insert(struct explorer *x, W hash, uint32_t number)
{
	struct bucket *b = bucket_of(x, hash);

	while (is_full(b))
		b = next_bucket(x, b);
	put_into(b, hash, number);
}

#define AT_ONCE 64

/* Make the table again, with this many buckets; the queue has all that is in it. */
static int grow_table(struct explorer *x, W buckets)
{
	W hash[AT_ONCE], bytes = buckets * sizeof(struct bucket);

	if (buckets > x->buckets && !may_grow(x, bytes - x->buckets * sizeof(struct bucket)))
		return 0;
	give_back(x->table, x->buckets * sizeof(struct bucket));
	x->table = reserve(&bytes);
	x->buckets = bytes / sizeof(struct bucket);
	if (x->buckets != buckets) {
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	if (bytes >= LARGE)
		in_huge_pages(x->table, bytes);
	for (W from = 0; from < x->states; from += AT_ONCE) {
		unsigned count = x->states - from < AT_ONCE ? (unsigned)(x->states - from) : AT_ONCE;

		for (unsigned i = 0; i < count; i++) {
			hash[i] = hash_of(x->queue + (from + i) * x->words, x->words);
			__builtin_prefetch(bucket_of(x, hash[i]), 1);
		}
		for (unsigned i = 0; i < count; i++)
			insert(x, hash[i], (uint32_t)(from + i));
	}
	return 1;
}

/* -- the queue -------------------------------------------------------------------------------- */

static int grow_queue(struct explorer *x, W room, unsigned words)
{
	if (x->states >= UINT32_MAX - 1) {
		x->ran_out = STOPPED_INDEX;
		return 0;
	}
	if (!may_grow(x, room * (8 * words + 4) - x->queue_room * (8 * x->words + 4)))
		return 0;
	if (room * 8 * words > x->queue_bytes || room * 4 > x->parent_bytes) {
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	if (x->queue_room * 8 * x->words < LARGE && room * 8 * words >= LARGE) {
		in_huge_pages(x->queue, x->queue_bytes);
		in_huge_pages(x->parent, x->parent_bytes);
	}
	x->queue_room = room;
	return 1;
}

/* The bucket of a state is fetched. */
static inline void expect_bucket(const struct explorer *x, W hash)
{
	__builtin_prefetch(bucket_of(x, hash));
}

/* It was: the state in it that is likely to be the same one is fetched. */
static inline void expect_state(const struct explorer *x, W hash)
{
	const struct bucket *b = bucket_of(x, hash);
	unsigned like = tags_like(b, tag_of(hash));

	if (like)
		__builtin_prefetch(x->queue + (W)(b->number[first_of(like)] - 1) * x->words);
}

/* Note a state; gives whether it is new. */
static inline int found(struct explorer *x, const W *key, W hash, uint32_t parent)
{
	const uint8_t tag = tag_of(hash);
	struct bucket *b = bucket_of(x, hash);

	for (;; b = next_bucket(x, b)) {
		for (unsigned like = tags_like(b, tag); like; like &= like - 1) {
			uint32_t number = b->number[first_of(like)];

			if (number && same(x->queue + (W)(number - 1) * x->words, key, x->words))
				return 0;
		}
		if (!is_full(b))
			break;
	}
	if (x->states == x->queue_room && !grow_queue(x, x->queue_room + x->queue_room / 8, x->words))
		return 0;
	memcpy(x->queue + x->states * x->words, key, x->words * sizeof(W));
	x->parent[x->states] = parent;
	put_into(b, hash, (uint32_t)x->states++);
	if (x->states > x->buckets * SLOTS / 8 * 7)
		grow_table(x, x->buckets * 2);
	return 1;
}
