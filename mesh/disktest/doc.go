// Package disktest gives tests small disks, and takes all their room.
//
// It leaves what a program does on such a disk to its own tests.
package disktest
