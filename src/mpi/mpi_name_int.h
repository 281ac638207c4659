/* mpi_name_int.h — private to src/mpi: names into words. */
#ifndef NHIP_MPI_MPI_NAME_INT_H
#define NHIP_MPI_MPI_NAME_INT_H

#include "mpi/mpi_person.h"

void mpi_name_make(Str name, MpiPerson *p);

#endif
