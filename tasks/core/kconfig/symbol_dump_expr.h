// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols and conditions of the kernel's Kconfig parser as JSON, for symbol_dump.c, which is all that
 * includes this. Whatever symbol a condition names is remembered, to be dumped as well.
 */
#ifndef SYMBOL_DUMP_EXPR_H
#define SYMBOL_DUMP_EXPR_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "symbol_dump_tree.h"

static FILE *out;

static const char *tristate_text(tristate value)
{
	return value == yes ? "y" : value == mod ? "m" : "n";
}

/* A JSON string; control characters are escaped, UTF-8 passes as it is. */
static void put_string(const char *text)
{
	const unsigned char *p;

	if (!text) {
		fputs("null", out);
		return;
	}
	putc('"', out);
	for (p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else if (*p == '\n')
			fputs("\\n", out);
		else if (*p == '\t')
			fputs("\\t", out);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", *p);
		else
			putc(*p, out);
	}
	putc('"', out);
}

static void put_key_string(const char *key, const char *text)
{
	fprintf(out, ",\"%s\":", key);
	put_string(text);
}

static void put_position(const char *file, int line)
{
	put_key_string("file", file);
	fprintf(out, ",\"line\":%d", line);
}

/* Symbols still to be dumped; each symbol enters once. */
static struct symbol **queue;
static size_t queued, queue_size, dumped;

/*
 * Literals of Kconfig files: y, m, n and quoted text are const symbols, numbers are symbols that
 * nobody defines and that have their own name as value.
 */
static bool is_literal(const struct symbol *sym)
{
	char *end;

	if (sym->flags & SYMBOL_CONST)
		return true;
	if (sym->type != S_UNKNOWN || !sym->name || !sym->name[0])
		return false;
	strtoll(sym->name, &end, 0);
	return *end == '\0';
}

static void enqueue(struct symbol *sym)
{
	size_t i;

	if (!sym || !sym->name || is_literal(sym))
		return;
	for (i = 0; i < queued; i++)
		if (queue[i] == sym)
			return;
	if (queued == queue_size) {
		queue_size = queue_size ? 2 * queue_size : 64;
		queue = realloc(queue, queue_size * sizeof(*queue));
		if (!queue) {
			perror("symbol_dump");
			exit(1);
		}
	}
	queue[queued++] = sym;
}

static void enqueue_expr(struct expr *e)
{
	if (!e)
		return;
	switch (e->type) {
	case E_OR:
	case E_AND:
		enqueue_expr(e->left.expr);
		enqueue_expr(e->right.expr);
		break;
	case E_NOT:
		enqueue_expr(e->left.expr);
		break;
	case E_SYMBOL:
		if (choice_prompt(e->left.sym))
			enqueue_expr(choice_prompt(e->left.sym)->visible.expr);
		else
			enqueue(e->left.sym);
		break;
	case E_EQUAL:
	case E_UNEQUAL:
	case E_LTH:
	case E_LEQ:
	case E_GTH:
	case E_GEQ:
	case E_RANGE:
		enqueue(e->left.sym);
		enqueue(e->right.sym);
		break;
	default:
		break;
	}
}

static const char *value_of(struct symbol *sym)
{
	sym_calc_value(sym);
	/* An undefined symbol is n as a condition. */
	return sym->type == S_UNKNOWN && !is_literal(sym) ? "n" : sym_get_string_value(sym);
}

/* One side of a comparison, or a whole condition. */
static void put_operand(struct symbol *sym)
{
	if (is_literal(sym)) {
		fputs("{\"op\":\"const\"", out);
		put_key_string("value", sym->name);
	} else {
		fputs("{\"op\":\"symbol\"", out);
		put_key_string("name", sym->name ? sym->name : "<choice>");
		put_key_string("value", value_of(sym));
	}
	putc('}', out);
}

static void put_expr(struct expr *e);

/* a && (b && c) as one list, for people think of it as one. */
static void put_chain(struct expr *e, enum expr_type type, bool *first)
{
	if (e->type == type) {
		put_chain(e->left.expr, type, first);
		put_chain(e->right.expr, type, first);
		return;
	}
	if (!*first)
		putc(',', out);
	*first = false;
	put_expr(e);
}

static void put_comparison(const char *op, struct expr *e)
{
	fprintf(out, "{\"op\":\"%s\",\"value\":\"%s\",\"left\":", op,
		tristate_text(expr_calc_value(e)));
	put_operand(e->left.sym);
	fputs(",\"right\":", out);
	put_operand(e->right.sym);
	putc('}', out);
}

/* null stands for "no condition", which is y. */
static void put_expr(struct expr *e)
{
	bool first = true;

	if (!e) {
		fputs("null", out);
		return;
	}
	switch (e->type) {
	case E_OR:
	case E_AND:
		fprintf(out, "{\"op\":\"%s\",\"value\":\"%s\",\"args\":[",
			e->type == E_OR ? "or" : "and", tristate_text(expr_calc_value(e)));
		put_chain(e, e->type, &first);
		fputs("]}", out);
		break;
	case E_NOT:
		fprintf(out, "{\"op\":\"not\",\"value\":\"%s\",\"args\":[",
			tristate_text(expr_calc_value(e)));
		put_expr(e->left.expr);
		fputs("]}", out);
		break;
	case E_SYMBOL:
		if (choice_prompt(e->left.sym) && choice_prompt(e->left.sym)->visible.expr)
			put_expr(choice_prompt(e->left.sym)->visible.expr);
		else
			put_operand(e->left.sym);
		break;
	case E_EQUAL:
		put_comparison("=", e);
		break;
	case E_UNEQUAL:
		put_comparison("!=", e);
		break;
	case E_LTH:
		put_comparison("<", e);
		break;
	case E_LEQ:
		put_comparison("<=", e);
		break;
	case E_GTH:
		put_comparison(">", e);
		break;
	case E_GEQ:
		put_comparison(">=", e);
		break;
	default:
		/* A kind of expression that this tree has and 6.12 had not. */
		fprintf(out, "{\"op\":\"unknown\",\"value\":\"%s\"}",
			tristate_text(expr_calc_value(e)));
		break;
	}
}

/*
 * rev_dep and implied are ORs of `SELECTOR && condition` (menu_finalize() builds them so), the
 * selector always leftmost.
 */
static void put_terms(struct expr *e, bool *first)
{
	struct expr *leftmost = e;

	if (!e)
		return;
	if (e->type == E_OR) {
		put_terms(e->left.expr, first);
		put_terms(e->right.expr, first);
		return;
	}
	while (leftmost->type == E_AND)
		leftmost = leftmost->left.expr;
	fprintf(out, "%s{\"value\":\"%s\"", *first ? "" : ",", tristate_text(expr_calc_value(e)));
	*first = false;
	put_key_string("by", leftmost->type == E_SYMBOL ? leftmost->left.sym->name : NULL);
	/*
	 * A popular symbol has hundreds of terms. Worth more than a name are those that act now and
	 * those whose selector is on while their `if` fails (X86 selects HAVE_ARCH_KASAN if X86_64).
	 */
	if (expr_calc_value(leftmost) != no) {
		fputs(",\"condition\":", out);
		put_expr(e);
		enqueue_expr(e);
	}
	putc('}', out);
}

static void put_key_terms(const char *key, struct expr *e)
{
	bool first = true;

	fprintf(out, ",\"%s\":[", key);
	put_terms(e, &first);
	putc(']', out);
}

#endif
