// SPDX-License-Identifier: GPL-2.0-only
/*
 * The compiled explorer: breadth first over packed states, as `reference` does it.
 *
 * GENERATED is the text made from the systems.  It sees get(), put(), done() and fail(), and gives
 * WORDS (64-bit words of a state), KEY_WORDS (those of a key at most), LEAVES with leaf_at[] and
 * first_leaf[] (by word), INVARIANTS (how many names there are) and systems[].
 *
 * States, violations and counts are those of the reference explorer, in the same order.
 *
 * A state is kept as a key.  Its words are cut into leaves, most of which take few values: a leaf has
 * a dictionary of those that were met, and the key has the numbers of them, in as many bits as that
 * takes.  Where a number does not fit any more, all keys are made again with more room.  The queue has
 * the keys in the order in which the states were found, with the number of the state that each was
 * reached from; the hash table has numbers of states.  A state of one word is its own key.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t W;
typedef int64_t V;

enum { RUNNING, DONE, STOPPED_STATES, STOPPED_MEMORY, STOPPED_INDEX, FIELD_OVERFLOW };

struct explorer;

/* -- what generated text uses --------------------------------------------------------------- */

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

static W overflow; /* bits of codes that did not fit into their field */

/* The bits of a code for a field of this width. */
static inline W fit(V code, unsigned width)
{
	overflow |= (W)code & ~mask_of(width);
	return (W)code;
}

/* The same at a computed offset, which is outside of the state where an object is None: no step
 * that is carried out uses what is read there, or writes there. */
static inline V get_within(const W *s, V offset, unsigned width, V bits)
{
	return offset < 0 || offset + width > bits ? 0 : get(s, (unsigned)offset, width);
}

#define get_at(s, offset, width) get_within(s, offset, width, 64 * WORDS)

static inline void put(W *t, unsigned offset, unsigned width, V code)
{
	unsigned word = offset >> 6, bit = offset & 63;
	W mask = mask_of(width), value = fit(code, width);

	t[word] = (t[word] & ~(mask << bit)) | value << bit;
	if (bit + width > 64)
		t[word + 1] = (t[word + 1] & ~(mask >> (64 - bit))) | value >> (64 - bit);
}

static inline void put_within(W *t, V offset, unsigned width, V code, V bits)
{
	if (offset < 0 || offset + width > bits)
		overflow |= 1;
	else
		put(t, (unsigned)offset, width, code);
}

#define put_at(t, offset, width, code) put_within(t, offset, width, code, 64 * WORDS)

static inline V within(V value, V low, V high)
{
	return low <= value && value <= high ? value : low;
}

/* The operation of this number was carried out on `t`, in these words, up to the END. */
static void done(struct explorer *x, unsigned number, const uint16_t *words);

#define END 0xffff

/* A check about an invariant fails as an operation is about to be carried out. */
static void fail(struct explorer *x, unsigned invariant, int stop);

/* What may be done in state `s`; `t` is a copy of it, and so again after done(). */
typedef void (*steps)(const W *s, W *t, struct explorer *x);
typedef V (*condition)(const W *s);

struct thread {
	unsigned pc, pc_width; /* where its program counter is */
	V end;
	unsigned edges;
	const steps *at;       /* by location */
	const W *watch;        /* by location: the checks of states that its edges may change */
};

struct judge {
	unsigned invariant;
	condition holds;
};

struct system {
	unsigned threads, rules, checks, finals;
	int software;          /* whether rules are more than what hardware does by itself */
	const struct thread *const *thread;
	steps rule;            /* or NULL */
	const struct judge *check, *final;
};

#define PURE __attribute__((pure))
#define ONCE __attribute__((noinline))
#define DEADLOCK 0             /* the number of the invariant that there is none */

/* Where a leaf is in the words of a state. */
struct leaf {
	unsigned word, bit, width;
};

#include GENERATED

/* -- what is kept ----------------------------------------------------------------------------- */

/* The values that a leaf took, by number, and where its number is in a key. */
struct dictionary {
	uint32_t *value, *table; /* the table has numbers plus 1 */
	uint32_t values, room;   /* `room` is of the table; there is half of it for values */
	unsigned word, bit, width;
};

/* How states are taken to the one that stands for their orbit; see `orbits`. */
#define OWNERS 4
#define CLASSES 8
#define OBJECTS 8

struct field {
	uint32_t offset, width;
	int32_t holds;         /* the class of what it holds, or -1 */
	uint32_t owners, class_of[OWNERS], code_of[OWNERS];
	uint32_t own[OWNERS];  /* where the weights of its codes begin */
	W ref;
};

struct orbits {
	uint32_t classes, fields, size[CLASSES], orders[CLASSES];
	const uint8_t *order[CLASSES]; /* OBJECTS + 1 codes for each */
	const uint16_t *places;        /* `fields` for each choice of orders */
	const struct field *field;
	const W *weight;
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

/* -- keys ------------------------------------------------------------------------------------- */

#if WORDS > 1

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

/* Give each leaf the bits that it needs, and more where it is likely to need that; then what is left
 * in the words, first to those that took several values, for making all keys again is slow. */
static unsigned place_leaves(struct dictionary *leaf)
{
	unsigned bits[LEAVES], more[LEAVES], words, used = 0;

	for (unsigned k = 0; k < LEAVES; k++) {
		bits[k] = bits_for(leaf[k].values);
		bits[k] += bits[k] ? 1 + (leaf[k].values > 64) : 0;
		if (bits[k] > leaf_at[k].width)
			bits[k] = leaf_at[k].width;
		used += bits[k];
	}
	words = place(leaf, bits);
	for (int several = 1; several >= 0; several--)
		for (unsigned k = 0; k < LEAVES && used + 4 * words < 64 * words; k++)
			if ((bits[k] > 0) == several && bits[k] < leaf_at[k].width) {
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

	for (unsigned word = 0; word < x->words; word++)
		for (unsigned k = 0; k < LEAVES; k++)
			if (x->leaf[k].width && x->leaf[k].word == word)
				*next++ = (uint16_t)k;
	*next = END;
}

/* Make a key again; `order` is of the leaves that are in the old one. */
static void move_key(const uint16_t *order, const struct dictionary *old, const struct dictionary *new,
		     W *key)
{
	W made[KEY_WORDS] = {0};

	for (; *order != END; order++) {
		const struct dictionary *o = &old[*order], *n = &new[*order];

		made[n->word] |= (key[o->word] >> o->bit & mask_of(o->width)) << n->bit;
	}
	memcpy(key, made, sizeof(made));
}

/* Make all keys again, with more room for numbers. */
static int widen(struct explorer *x)
{
	struct dictionary old[LEAVES];
	unsigned words, before = x->words;
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
	for (W i = x->states; i-- > 0;) { /* from the end, as keys may grow */
		memset(key, 0, sizeof(key));
		memcpy(key, x->queue + i * before, before * sizeof(W));
		move_key(order, old, x->leaf, key);
		memcpy(x->queue + i * words, key, words * sizeof(W));
	}
	for (unsigned i = 0; i < x->successors; i++)
		move_key(order, old, x->leaf, x->successor[i].key);
	for (unsigned i = 0; i < x->successors; i++)
		x->successor[i].hash = hash_of(x->successor[i].key, words);
	move_key(order, old, x->leaf, x->key);
	set_order(x);
	return grow_table(x, x->table_room);
}

static int grow_dictionary(struct explorer *x, struct dictionary *d)
{
	uint32_t room = d->room ? d->room * 2 : 8;
	uint32_t *value, *table;

	if (d->room >> 31) {
		x->ran_out = STOPPED_INDEX;
		return 0;
	}
	if (!may_grow(x, (W)(room - d->room) * 6))
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
	x->leaf_bytes += (W)(room - d->room) * 6;
	free(d->table);
	d->table = table;
	d->room = room;
	for (uint32_t i = 0; i < d->values; i++) {
		uint32_t at = (uint32_t)(mixed(d->value[i])) & (room - 1);

		while (table[at])
			at = (at + 1) & (room - 1);
		table[at] = i + 1;
	}
	return 1;
}

/* The number of a value of a leaf; 0 if there is no room for one more, and the search stops. */
static inline uint32_t number_of(struct explorer *x, struct dictionary *d, uint32_t value)
{
	uint32_t at = (uint32_t)mixed(value) & (d->room - 1);

	for (; d->table[at]; at = (at + 1) & (d->room - 1))
		if (d->value[d->table[at] - 1] == value)
			return d->table[at] - 1;
	if (d->values == d->room / 2) {
		if (!grow_dictionary(x, d))
			return 0;
		return number_of(x, d, value);
	}
	d->value[d->values] = value;
	d->table[at] = ++d->values;
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
	for (const uint16_t *k = x->order; *k != END; k++) {
		const struct dictionary *d = &x->leaf[*k];
		W mask = mask_of(d->width) << d->bit, at = leaf_at[*k].bit;
		W *word = &state[leaf_at[*k].word];

		if ((wanted[d->word] ^ key[d->word]) & mask)
			*word = (*word & ~(mask_of(leaf_at[*k].width) << at)) |
				(W)d->value[(wanted[d->word] & mask) >> d->bit] << at;
	}
	memcpy(key, wanted, x->words * sizeof(W));
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

static void unfold(const struct explorer *x, const W *wanted, W *key, W *state)
{
	(void)x;
	state[0] = key[0] = wanted[0];
}

static int begin(struct explorer *x, const W *initial)
{
	x->state[0] = x->key[0] = initial[0];
	return 1;
}

#endif

/* -- states ----------------------------------------------------------------------------------- */

/* Note a state; gives whether it is new. */
static int found(struct explorer *x, const W *key, W hash, uint32_t parent)
{
	W at = hash & (x->table_room - 1);

	for (; x->table[at]; at = (at + 1) & (x->table_room - 1))
		if (same(x->queue + (W)(x->table[at] - 1) * x->words, key, x->words))
			return 0;
	if (x->states == x->queue_room && !grow_queue(x, x->queue_room + x->queue_room / 2, x->words))
		return 0;
	memcpy(x->queue + x->states * x->words, key, x->words * sizeof(W));
	x->parent[x->states++] = parent;
	x->table[at] = (uint32_t)x->states;
	if (x->states > x->table_room / 4 * 3)
		grow_table(x, x->table_room * 2);
	return 1;
}

static void note(struct explorer *x, unsigned invariant, W state, W depth, int at_step)
{
	struct violation *v = &x->violation[invariant];

	if (!v->seen)
		*v = (struct violation){1, (uint32_t)state, (uint32_t)depth, (uint32_t)at_step};
}

static void judge(struct explorer *x, const W *state, W which, W number, W depth)
{
	const struct system *y = x->system;

	for (unsigned k = 0; k < y->checks; k++)
		if ((k > 63 || which >> k & 1) && !x->violation[y->check[k].invariant].seen &&
		    !y->check[k].holds(state))
			note(x, y->check[k].invariant, number, depth, 0);
}

/* The state that is likely to be compared soon is fetched meanwhile. */
static inline void expect(const struct explorer *x, W hash)
{
	W at = x->table[hash & (x->table_room - 1)];

	if (at)
		__builtin_prefetch(x->queue + (at - 1) * x->words);
}

/* Look up the first successors. */
static void look_up(struct explorer *x, unsigned count)
{
	for (unsigned i = 0; i < count && !x->ran_out; i++) {
		struct successor *n = &x->successor[i];

		if (i + 8 < count)
			expect(x, n[8].hash);
		if (found(x, n->key, n->hash, n->parent) && n->watch) {
			W key[KEY_WORDS], state[WORDS];

			memcpy(key, x->key, sizeof(key));
			memcpy(state, x->state, sizeof(state));
			unfold(x, n->key, key, state);
			judge(x, state, n->watch, x->states - 1, x->levels);
		}
	}
	x->successors -= count;
	memmove(x->successor, x->successor + count, x->successors * sizeof(*x->successor));
	x->mark -= count;
}

/* -- orbits ----------------------------------------------------------------------------------- */

static int is_less(const W *one, const W *two)
{
	for (unsigned i = WORDS; i-- > 0;)
		if (one[i] != two[i])
			return one[i] < two[i];
	return 0;
}

/* Whether no key is less than the one before it when objects are in this order. */
static int in_order(const W *key, const uint8_t *order, unsigned size)
{
	W placed[OBJECTS + 1];

	for (unsigned code = 1; code <= size; code++)
		placed[order[code]] = key[code];
	for (unsigned code = 1; code < size; code++)
		if (placed[code] > placed[code + 1])
			return 0;
	return 1;
}

/* Make a state the one that stands for its orbit. */
static void stand_for(const struct orbits *o, W *state)
{
	W key[CLASSES][OBJECTS + 1], best[WORDS], made[WORDS], rest[WORDS];
	uint8_t code[o->fields];
	unsigned at[CLASSES] = {0}, some = 0, c;

	memset(key, 0, sizeof(key));
	memcpy(rest, state, sizeof(rest));
	for (unsigned n = 0; n < o->fields; n++) {
		const struct field *f = &o->field[n];

		code[n] = (uint8_t)get(state, f->offset, f->width);
		put(rest, f->offset, f->width, 0);
		for (unsigned i = 0; i < f->owners; i++)
			key[f->class_of[i]][f->code_of[i]] += o->weight[f->own[i] + code[n]];
		if (code[n] && f->holds >= 0)
			key[f->holds][code[n]] += f->ref;
	}
	for (;;) { /* all choices of an order of each class, the last class fastest */
		W number = 0;
		int fits = 1;

		for (c = 0; c < o->classes && fits; c++) {
			const uint8_t *order = o->order[c] + at[c] * (OBJECTS + 1);

			number = number * o->orders[c] + at[c];
			fits = in_order(key[c], order, o->size[c]);
			if (!fits) /* nor does any choice for the classes after it */
				for (unsigned i = c + 1; i < o->classes; i++)
					at[i] = o->orders[i] - 1;
		}
		if (fits) {
			const uint16_t *place = o->places + number * o->fields;

			memcpy(made, rest, sizeof(made));
			for (unsigned n = 0; n < o->fields; n++) {
				const struct field *f = &o->field[n], *to = &o->field[place[n]];
				V held = code[n];

				if (!held)
					continue;
				if (f->holds >= 0)
					held = o->order[f->holds][at[f->holds] * (OBJECTS + 1) + held];
				put(made, to->offset, to->width, held);
			}
			if (!some || is_less(made, best))
				memcpy(best, made, sizeof(best));
			some = 1;
		}
		for (c = o->classes; c-- > 0;) {
			if (++at[c] < o->orders[c])
				break;
			at[c] = 0;
		}
		if (c == (unsigned)-1)
			break;
	}
	memcpy(state, best, sizeof(best));
}

/* -- steps ------------------------------------------------------------------------------------ */

static uint16_t every_word[WORDS + 1];

static void done(struct explorer *x, unsigned number, const uint16_t *words)
{
	struct successor *n;

	if (x->successors == x->successor_room) {
		n = realloc(x->successor, 2 * x->successor_room * sizeof(*n));
		if (!n) {
			x->ran_out = STOPPED_MEMORY;
			return;
		}
		x->successor = n;
		x->successor_room *= 2;
	}
	x->firing[number] = 1;
	n = &x->successor[x->successors++];
	memcpy(n->key, x->key, sizeof(W) * x->words);
	n->parent = (uint32_t)x->done;
	n->watch = x->watch;
	if (x->orbits) {
		stand_for(x->orbits, x->changed);
		words = every_word;
	}
	for (; *words != END; words++) {
		change_key(x, n, *words);
		x->changed[*words] = x->state[*words];
	}
	n->hash = hash_of(n->key, x->words);
	__builtin_prefetch(&x->table[n->hash & (x->table_room - 1)]);
}

static void fail(struct explorer *x, unsigned invariant, int stop)
{
	if (!x->violation[invariant].seen) {
		look_up(x, x->mark); /* states that were found before may break it as well */
		note(x, invariant, x->done, x->levels, 1);
	}
	x->stopped |= stop;
}

/* Carry out what may be done here, and give how much that was; `watch`: the checks of states that
 * it may change. */
static unsigned carry_out(struct explorer *x, steps at, W watch)
{
	x->mark = x->successors;
	x->watch = watch;
	at(x->state, x->changed, x);
	x->transitions += x->successors - x->mark;
	return x->successors - x->mark;
}

static void end(struct explorer *x)
{
	const struct system *y = x->system;

	look_up(x, x->successors);
	for (unsigned i = 0; i < y->threads; i++) {
		const struct thread *t = y->thread[i];

		if (get(x->state, t->pc, t->pc_width) != t->end) {
			note(x, DEADLOCK, x->done, x->levels - 1, 0);
			return;
		}
	}
	for (unsigned k = 0; k < y->finals; k++)
		if (!x->violation[y->final[k].invariant].seen && !y->final[k].holds(x->state))
			note(x, y->final[k].invariant, x->done, x->levels - 1, 0);
}

static void expand(struct explorer *x)
{
	const struct system *y = x->system;

	unfold(x, x->queue + x->done * x->words, x->key, x->state);
	memcpy(x->changed, x->state, sizeof(x->changed));
	x->moved = x->stopped = 0;
	for (unsigned i = 0; i < y->threads; i++) {
		const struct thread *t = y->thread[i];
		W pc = (W)get(x->state, t->pc, t->pc_width);

		x->firing = x->fired[i];
		if (t->at[pc] && carry_out(x, t->at[pc], t->watch[pc]))
			x->moved = 1;
	}
	if (y->rule) {
		x->firing = x->fired[y->threads];
		if (carry_out(x, y->rule, ~(W)0) && y->software)
			x->moved = 1;
	}
	if (!x->moved && !x->stopped)
		end(x);
	if (x->successors > 128)
		look_up(x, x->successors);
	x->done++;
}

/* -- what is called from outside ---------------------------------------------------------------- */

void explore_close(struct explorer *x)
{
	if (!x)
		return;
	for (unsigned i = 0; x->fired && i <= x->system->threads; i++)
		free(x->fired[i]);
	free(x->fired);
	free(x->queue);
	free(x->parent);
	free(x->table);
	free(x->successor);
	for (unsigned k = 0; k < LEAVES; k++) {
		free(x->leaf[k].value);
		free(x->leaf[k].table);
	}
	free(x);
}

/* NULL if there is no memory; `orbits`, if it is not NULL, stays with the caller. */
struct explorer *explore_open(unsigned number, const W *initial, W max_states, W max_bytes,
			      const struct orbits *orbits)
{
	struct explorer *x = calloc(1, sizeof(*x));
	const struct system *y = &systems[number];
	int ok = 1;

	if (!x)
		return NULL;
	overflow = 0;
	for (unsigned i = 0; i < WORDS; i++)
		every_word[i] = (uint16_t)i;
	every_word[WORDS] = END;
	x->orbits = orbits;
	x->system = y;
	x->max_states = max_states;
	x->max_bytes = max_bytes;
	x->words = 1;
	x->successor_room = 1024;
	x->successor = malloc(x->successor_room * sizeof(*x->successor));
	x->fired = calloc(y->threads + 1, sizeof(*x->fired));
	for (unsigned i = 0; x->fired && i <= y->threads; i++) {
		unsigned edges = i < y->threads ? y->thread[i]->edges : y->rules;

		x->fired[i] = calloc(edges + 1, 1);
		ok &= x->fired[i] != NULL;
	}
	ok = ok && x->fired && x->successor;
	ok = ok && grow_queue(x, 1 << 12, 1) && grow_table(x, 1 << 13) && begin(x, initial);
	if (!ok) {
		explore_close(x);
		return NULL;
	}
	found(x, x->key, hash_of(x->key, x->words), 0);
	judge(x, initial, ~(W)0, 0, 0);
	x->done = x->level_end = 0;
	return x;
}

/* Expand about `budget` states; gives how the search stands. */
int explore_run(struct explorer *x, W budget)
{
	while (x->status == RUNNING) {
		if (x->done == x->level_end) { /* the first of a level */
			look_up(x, x->successors);
			if (x->ran_out)
				return x->status = x->ran_out;
			if (x->done == x->states)
				return x->status = DONE;
			if (x->states >= x->max_states)
				return x->status = STOPPED_STATES;
			x->level_end = x->states;
			x->in_level = 0;
			x->levels++;
		}
		if (!(++x->in_level & 0xfff)) {
			look_up(x, x->successors);
			if (x->states >= x->max_states)
				return x->status = STOPPED_STATES;
		}
		expand(x);
		if (overflow)
			return x->status = FIELD_OVERFLOW;
		if (x->ran_out)
			return x->status = x->ran_out;
		if (!--budget)
			break;
	}
	return x->status;
}

/* states, transitions, levels, bytes */
void explore_counts(const struct explorer *x, W *counts)
{
	counts[0] = x->states;
	counts[1] = x->transitions;
	counts[2] = x->levels;
	counts[3] = used_bytes(x);
}

/* Whether an invariant is violated; then the state, the depth, and whether at a step. */
int explore_violation(const struct explorer *x, unsigned invariant, uint32_t *where)
{
	const struct violation *v = &x->violation[invariant];

	where[0] = v->state;
	where[1] = v->depth;
	where[2] = v->at_step;
	return (int)v->seen;
}

const unsigned char *explore_fired(const struct explorer *x, unsigned thread)
{
	return x->fired[thread];
}

/* The words of a state by number, and the number of the state that it was reached from. */
uint32_t explore_state(const struct explorer *x, uint32_t number, W *state)
{
	W key[KEY_WORDS];

	memcpy(key, x->key, sizeof(key));
	memcpy(state, x->state, sizeof(x->state));
	unfold(x, x->queue + (W)number * x->words, key, state);
	return x->parent[number];
}
