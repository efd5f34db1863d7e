"""Reading of video files: their properties (`probe`), and frames at given times (`sampler`).

The input is a path and times in seconds. The output is a manifest, and frames as uint8 tensors. The
package imports core and inputs.
"""
