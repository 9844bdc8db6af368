// SPDX-License-Identifier: GPL-2.0-only
/* The beginning and the end of the module, which are recorded like other functions. */
#include <linux/init.h>
#include <linux/module.h>

#include "dataflow.h"

static int __init dataflow_init(void)
{
	return df_files_create();
}

static void __exit dataflow_exit(void)
{
	df_files_remove();
}

module_init(dataflow_init);
module_exit(dataflow_exit);
MODULE_DESCRIPTION("Arguments and return values for the KCOV tests of kmatrix");
MODULE_LICENSE("GPL");
