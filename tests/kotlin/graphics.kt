// Stub for the tests: the names and types that the README of an export uses.
package android.graphics
class Bitmap { enum class Config { ARGB_8888 }
  companion object { @JvmStatic fun createBitmap(colors: IntArray, width: Int, height: Int, config: Config): Bitmap = Bitmap() } }
object Color { @JvmStatic fun rgb(r: Int, g: Int, b: Int): Int = 0 }
