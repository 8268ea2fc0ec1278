// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is kept of a search, how much memory it takes, and how that grows.
 */
#pragma once

#include "fields.h"
#include GENERATED
#include "orbits.h"

/* The values that a leaf took, by number, and where its number is in a key. */
struct dictionary {
	uint32_t *value, *table; /* the table has numbers plus 1 */
	uint32_t values, room;   /* `room` is of the table; there is half of it for values */
	unsigned word, bit, width;
};

struct successor {
	uint32_t parent;
	W watch, hash;         /* which checks to judge; the hash of the key */
	W key[KEY_WORDS];
};

struct violation {
	uint32_t seen, state, depth, at_step;
};

struct explorer {
	const struct system *system;
	W max_states, max_bytes;

	/* states in the order in which they were found: keys and parents */
	W *queue;
	uint32_t *parent;
	W states, queue_room;
	unsigned words;        /* of a key */
	/* their numbers plus 1, by hash */
	uint32_t *table;
	W table_room;
	struct dictionary leaf[LEAVES];
	uint16_t order[LEAVES + 1]; /* leaves that are in the key, by word; then END */
	W leaf_bytes;

	const struct orbits *orbits; /* or NULL */
	/* the search */
	W done, level_end, in_level, transitions, levels;
	W watch;               /* the checks that what is carried out may change */
	int status, moved, stopped, ran_out;
	unsigned char **fired, *firing;
	struct violation violation[INVARIANTS];
	/* successors that are not yet looked up, those before `mark` of earlier steps */
	struct successor *successor;
	unsigned successors, successor_room, mark;
	/* the state that is expanded, and one to change */
	W key[KEY_WORDS];
	W state[WORDS], changed[WORDS];
};

static W used_bytes(const struct explorer *x)
{
	return x->queue_room * (8 * x->words + 4) + x->table_room * 4 + x->leaf_bytes;
}

/* Whether `more` bytes may be taken; if not, the search stops. */
static int may_grow(struct explorer *x, W more)
{
	if (used_bytes(x) + more <= x->max_bytes)
		return 1;
	x->ran_out = STOPPED_MEMORY;
	return 0;
}

static inline W mixed(W key)
{
	key ^= key >> 32;
	key *= 0x9e3779b97f4a7c15u;
	key ^= key >> 29;
	key *= 0xbf58476d1ce4e5b9u;
	return key ^ key >> 32;
}

static inline W hash_of(const W *key, unsigned words)
{
	W hash = mixed(key[0]);

	for (unsigned i = 1; i < words; i++)
		hash = mixed(hash ^ key[i]);
	return hash;
}

static inline int same(const W *one, const W *two, unsigned words)
{
	W differs = 0;

	for (unsigned i = 0; i < words; i++)
		differs |= one[i] ^ two[i];
	return !differs;
}

static int grow_table(struct explorer *x, W room)
{
	if (room > x->table_room && !may_grow(x, (room - x->table_room) * 4))
		return 0;
	free(x->table); /* the queue has all that is in it */
	x->table = calloc(room, sizeof(*x->table));
	x->table_room = x->table ? room : 0;
	if (!x->table) {
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	for (W i = 0; i < x->states; i++) {
		W at = hash_of(x->queue + i * x->words, x->words) & (room - 1);

		while (x->table[at])
			at = (at + 1) & (room - 1);
		x->table[at] = (uint32_t)(i + 1);
	}
	return 1;
}

static int grow_queue(struct explorer *x, W room, unsigned words)
{
	W *queue;
	uint32_t *parent;

	if (x->states >= UINT32_MAX - 1) {
		x->ran_out = STOPPED_INDEX;
		return 0;
	}
	if (!may_grow(x, room * (8 * words + 4) - x->queue_room * (8 * x->words + 4)))
		return 0;
	queue = realloc(x->queue, room * words * sizeof(*queue));
	if (queue)
		x->queue = queue;
	parent = realloc(x->parent, room * sizeof(*parent));
	if (parent)
		x->parent = parent;
	if (!queue || !parent) {
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	x->queue_room = room;
	return 1;
}
