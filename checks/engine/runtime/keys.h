// SPDX-License-Identifier: GPL-2.0-only
/*
 * States as keys.
 *
 * The words of a state are cut into leaves, most of which take few values: a leaf has a dictionary of
 * those that were met, and the key has the numbers of them, in as many bits as that takes.  Where a
 * number does not fit any more, all keys are made again with more room.  A state of few words is its
 * own key: to number its values would take longer than what the shorter key saves.
 */
#pragma once

#include "store.h"

#if WORDS > RAW_WORDS

static unsigned bits_for(uint32_t values)
{
	unsigned bits = 0;

	while (bits < 32 && (W)1 << bits < values)
		bits++;
	return bits;
}

/* Place leaves of these widths, the widest first, for fewest gaps; gives the words that it takes. */
static unsigned place(struct dictionary *leaf, const unsigned *bits)
{
	unsigned room[KEY_WORDS] = {0}, words = 1;

	for (unsigned wide = 32; wide > 0; wide--)
		for (unsigned k = 0; k < LEAVES; k++) {
			unsigned word = 0;

			if (bits[k] != wide)
				continue;
			while (room[word] + wide > 64)
				word++;
			leaf[k].word = word;
			leaf[k].bit = room[word];
			room[word] += wide;
			if (word >= words)
				words = word + 1;
		}
	for (unsigned k = 0; k < LEAVES; k++)
		leaf[k].width = bits[k];
	return words;
}

/* How much a leaf is in want of bits that it does not need yet: those that took many values are the
 * likeliest to take more, and those that took one never may. */
static unsigned want(const struct dictionary *leaf)
{
	return leaf->values > 64 ? 3 : leaf->values > 1 ? 2 : 1;
}

/* Give each leaf the bits that it needs, and then what is left in the words, for making all keys
 * again is slow. */
static unsigned place_leaves(struct dictionary *leaf)
{
	unsigned bits[LEAVES], more[LEAVES], words, used = 0;

	for (unsigned k = 0; k < LEAVES; k++) {
		bits[k] = bits_for(leaf[k].values);
		used += bits[k];
	}
	words = place(leaf, bits);
	if (used + 4 * words > 64 * words)
		words++;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned wanted = 3; wanted > 0; wanted--)
			for (unsigned k = 0; k < LEAVES && used + 2 * words < 64 * words; k++)
				if (want(&leaf[k]) == wanted && bits[k] < leaf_at[k].width) {
					memcpy(more, bits, sizeof(more));
					more[k]++;
					if (place(leaf, more) > words)
						continue;
					bits[k]++;
					used++;
				}
	return place(leaf, bits);
}

static void set_order(struct explorer *x)
{
	uint16_t *next = x->order;

	for (unsigned word = 0; word < x->words; word++) {
		x->part[word] = (uint16_t)(next - x->order);
		for (unsigned k = 0; k < LEAVES; k++)
			if (x->leaf[k].width && x->leaf[k].word == word)
				*next++ = (uint16_t)k;
	}
	x->part[x->words] = (uint16_t)(next - x->order);
	*next = END;
}

/* The bits of a key that go from one word to another, as far to the left, or if negative right. */
struct move {
	unsigned from, to;
	int left;
	W mask;
};

/* How keys are to be made again; `order` is of the leaves that are in the old ones. */
static unsigned moves_of(const uint16_t *order, const struct dictionary *old,
			 const struct dictionary *new, struct move *moves)
{
	unsigned count = 0;

	for (; *order != END; order++) {
		const struct dictionary *o = &old[*order], *n = &new[*order];
		struct move made = {o->word, n->word, (int)n->bit - (int)o->bit,
				    mask_of(o->width) << o->bit};
		unsigned i = 0;

		while (i < count && (moves[i].from != made.from || moves[i].to != made.to ||
				     moves[i].left != made.left))
			i++;
		if (i == count)
			moves[count++] = made;
		else
			moves[i].mask |= made.mask;
	}
	return count;
}

static inline void move_key(const struct move *moves, unsigned count, W *key)
{
	W made[KEY_WORDS] = {0};

	for (const struct move *m = moves; m < moves + count; m++) {
		W bits = key[m->from] & m->mask;

		made[m->to] |= m->left < 0 ? bits >> -m->left : bits << m->left;
	}
	memcpy(key, made, sizeof(made));
}

/* Make all keys again, with more room for numbers. */
static int widen(struct explorer *x)
{
	struct dictionary old[LEAVES];
	struct move moves[LEAVES];
	unsigned words, count, before = x->words;
	uint16_t order[LEAVES + 1];
	W key[KEY_WORDS];

	memcpy(old, x->leaf, sizeof(old));
	memcpy(order, x->order, sizeof(order));
	words = place_leaves(x->leaf);
	if (words < before)
		words = before;
	if (words > before && !grow_queue(x, x->queue_room, words)) {
		memcpy(x->leaf, old, sizeof(old));
		return 0;
	}
	x->words = words;
	count = moves_of(order, old, x->leaf, moves);
	for (W i = x->states; i-- > 0;) { /* from the end, as keys may grow */
		memset(key, 0, sizeof(key));
		memcpy(key, x->queue + i * before, before * sizeof(W));
		move_key(moves, count, key);
		memcpy(x->queue + i * words, key, words * sizeof(W));
	}
	for (unsigned i = 0; i < x->successors; i++)
		move_key(moves, count, x->successor[i].key);
	for (unsigned i = 0; i < x->successors; i++)
		x->successor[i].hash = hash_of(x->successor[i].key, words);
	move_key(moves, count, x->key);
	set_order(x);
	return grow_table(x, x->buckets);
}

static inline uint32_t slot_of(const struct dictionary *d, uint32_t value)
{
	return value * 0x9e3779b1u >> d->shift;
}

static int grow_dictionary(struct explorer *x, struct dictionary *d)
{
	uint32_t room = d->room ? d->room * 2 : 8;
	struct entry *table;
	uint32_t *value;

	if (d->room >> 31) {
		x->ran_out = STOPPED_INDEX;
		return 0;
	}
	if (!may_grow(x, (W)(room - d->room) * ENTRY_BYTES))
		return 0;
	value = realloc(d->value, room / 2 * sizeof(*value));
	if (value)
		d->value = value;
	table = calloc(room, sizeof(*table));
	if (!value || !table) {
		free(table);
		x->ran_out = STOPPED_MEMORY;
		return 0;
	}
	x->leaf_bytes += (W)(room - d->room) * ENTRY_BYTES;
	free(d->table);
	d->table = table;
	d->room = room;
	d->shift = 32 - bits_for(room);
	for (uint32_t i = 0; i < d->values; i++) {
		uint32_t at = slot_of(d, d->value[i]);

		while (table[at].number)
			at = (at + 1) & (room - 1);
		table[at] = (struct entry){d->value[i], i + 1};
	}
	return 1;
}

/* The number of a value of a leaf; 0 if there is no room for one more, and the search stops. */
static inline uint32_t number_of(struct explorer *x, struct dictionary *d, uint32_t value)
{
	uint32_t at = slot_of(d, value);

	for (; d->table[at].number; at = (at + 1) & (d->room - 1))
		if (d->table[at].value == value)
			return d->table[at].number - 1;
	if (d->values == d->room / 2) {
		if (!grow_dictionary(x, d))
			return 0;
		return number_of(x, d, value);
	}
	d->value[d->values] = value;
	d->table[at] = (struct entry){value, ++d->values};
	if (d->values - 1 > mask_of(d->width) && !widen(x))
		return 0;
	return d->values - 1;
}

/* Make the key of what the state that is expanded was changed into, in one word. */
static inline void change_key(struct explorer *x, struct successor *n, unsigned word)
{
	W differs = x->changed[word] ^ x->state[word];

	for (unsigned k = first_leaf[word]; differs; k++) {
		W mask = mask_of(leaf_at[k].width) << leaf_at[k].bit;
		struct dictionary *d = &x->leaf[k];
		uint32_t number;

		if (!(differs & mask))
			continue;
		differs &= ~mask;
		number = number_of(x, d, (uint32_t)((x->changed[word] & mask) >> leaf_at[k].bit));
		n->key[d->word] &= ~(mask_of(d->width) << d->bit);
		n->key[d->word] |= (W)number << d->bit;
	}
}

/* Make `state`, whose key is `key`, that of another key. */
static void unfold(const struct explorer *x, const W *wanted, W *key, W *state)
{
	for (unsigned word = 0; word < x->words; word++) {
		W differs = wanted[word] ^ key[word];

		if (!differs)
			continue;
		for (unsigned i = x->part[word]; i < x->part[word + 1]; i++) {
			const struct leaf *leaf = &leaf_at[x->order[i]];
			const struct dictionary *d = &x->leaf[x->order[i]];
			W mask = mask_of(d->width) << d->bit;

			if (differs & mask)
				state[leaf->word] =
					(state[leaf->word] & ~(mask_of(leaf->width) << leaf->bit)) |
					(W)d->value[(wanted[word] & mask) >> d->bit] << leaf->bit;
		}
		key[word] = wanted[word];
	}
}

/* Make the first state the one that is expanded. */
static int begin(struct explorer *x, const W *initial)
{
	memcpy(x->state, initial, sizeof(x->state));
	x->order[0] = END;
	for (unsigned k = 0; k < LEAVES; k++) {
		W word = initial[leaf_at[k].word] >> leaf_at[k].bit;

		if (!grow_dictionary(x, &x->leaf[k]))
			return 0;
		number_of(x, &x->leaf[k], (uint32_t)(word & mask_of(leaf_at[k].width)));
	}
	return 1;
}

#else

static inline void change_key(struct explorer *x, struct successor *n, unsigned word)
{
	n->key[word] = x->changed[word];
}

static inline void unfold(const struct explorer *x, const W *wanted, W *key, W *state)
{
	(void)x;
	for (unsigned word = 0; word < WORDS; word++)
		state[word] = key[word] = wanted[word];
}

static int begin(struct explorer *x, const W *initial)
{
	memcpy(x->state, initial, sizeof(x->state));
	memcpy(x->key, initial, sizeof(x->state));
	return 1;
}

#endif
