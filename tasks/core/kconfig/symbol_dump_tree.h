// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernels' Kconfig parsers call by different names, for symbol_dump.c and
 * symbol_dump_expr.h.
 *
 * In older trees (6.1) a definition is a property of its symbol (P_SYMBOL), places are a `struct file`
 * and a line, and a choice is a symbol without a name, which its members depend on; for_all_choices
 * is a macro of those alone. In newer ones (6.12, 7.3) a symbol lists its menu entries, a place has
 * its file's name, and a choice is a menu. It changed in steps; trees of between were not tried.
 */
#ifndef SYMBOL_DUMP_TREE_H
#define SYMBOL_DUMP_TREE_H

#include <stdbool.h>

#include <list.h>

#include "internal.h"
#include "lkc.h"

#ifdef for_all_choices

/* i: a cursor of the caller's, for the trees that need one. */
#define each_symbol(i, sym) for_all_symbols(i, sym)
#define file_of(where) ((where)->file->name)

/* prop: such a cursor, too. */
#define each_definition(sym, prop, entry) \
	for_all_properties(sym, prop, P_SYMBOL) \
		if (((entry) = (prop)->menu) != NULL)

/* The choice that a symbol is a member of; NULL for others. */
static inline struct menu *choice_of(struct symbol *sym)
{
	struct property *prop = sym_is_choice_value(sym) ? sym_get_choice_prop(sym) : NULL;

	prop = prop ? sym_get_choice_prop(prop_get_symbol(prop)) : NULL;
	return prop ? prop->menu : NULL;
}

/* What members of a choice name as their dependency; its prompt's condition says more. */
static inline struct property *choice_prompt(struct symbol *sym)
{
	struct property *prop;

	if (sym_is_choice(sym))
		for_all_prompts(sym, prop)
			return prop;
	return NULL;
}

#else

#define each_symbol(i, sym) for ((i) = 0; (i) < 1; (i)++) for_all_symbols(sym)
#define file_of(where) ((where)->filename)
#define each_definition(sym, prop, entry) list_for_each_entry(entry, &(sym)->menus, link)

static inline struct menu *choice_of(struct symbol *sym)
{
	return sym_get_choice_menu(sym);
}

/* Members carry the condition of their choice themselves. */
static inline struct property *choice_prompt(struct symbol *sym)
{
	return NULL;
}

#endif

#endif
