// Stub for the tests: the names and types that the README of an export uses.
package android.content
import android.content.res.AssetManager
abstract class Context { abstract val assets: AssetManager }
